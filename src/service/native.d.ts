declare module '*/bin/functions-launcher' {
  const path: string
  export default path
}
declare module '*/bin/quickjs-worker' {
  const path: string
  export default path
}
