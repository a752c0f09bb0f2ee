declare module '*/node-modules.pack' {
  const path: string
  export default path
}
