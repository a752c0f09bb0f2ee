/**
 * Does a process listen on this Unix socket? The file alone proves nothing: it outlives its
 * process.
 */
export async function isListening(path: string): Promise<boolean> {
  try {
    const socket = await Bun.connect({ unix: path, socket: { data() {} } })
    socket.end()
    return true
  } catch {
    return false
  }
}
