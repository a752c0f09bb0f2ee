/** What a tenant does that takes more of the machine than is its own. */
export interface Attack {
  /** The attacker's handler. */
  handler: string
  /** Of its deployment. */
  flags?: string[]
  /** Sent with each of its requests. */
  body?: Uint8Array<ArrayBuffer>
  /** Requests of the attacker that are under way at any time: one of native code, else several. */
  clients?: number
  /** Functions of the same handler that are called in turn. */
  copies?: number
  /** The handler is never loaded: native code makes the attempt that it names. */
  native?: boolean
}

const PERMISSIVE = ['--profile', 'permissive']
const BODY = new Uint8Array(8 * 2 ** 20)

export const ATTACKS: Record<string, Attack> = {
  'as many plain requests, for comparison': { handler: "() => new Response('x')" },
  'a loop without end': { handler: '() => { for (;;); }', flags: ['--cpu', '2s'] },
  'promises without end': {
    handler:
      '() => new Promise(() => { const again = () => Promise.resolve().then(again); again() })',
    flags: ['--cpu', '2s'],
  },
  'memory without end': {
    handler: '() => { const all = []; for (;;) all.push(new Uint8Array(65536).fill(1)) }',
  },
  'log lines without end': {
    handler: "() => { for (;;) console.log('x'.repeat(1000)) }",
    flags: ['--cpu', '2s'],
  },
  'a response without end': {
    handler: `() => new Response(new ReadableStream({
      pull(controller) { controller.enqueue(new Uint8Array(65536)) },
    }))`,
  },
  'large bodies': {
    handler: 'async (req) => new Response(await req.arrayBuffer())',
    body: BODY,
  },
  'fetches that are refused': {
    handler: `async () => {
      for (;;) await Promise.allSettled(Array.from({ length: 50 }, () => fetch('http://127.0.0.1/')))
    }`,
    flags: [...PERMISSIVE, '--cpu', '2s'],
  },
  'programs without end': {
    handler: `async () => {
      const { spawn } = await import('node:child_process')
      for (;;) {
        await new Promise((resolve) => {
          const child = spawn('/bin/sh', ['-c', ':'])
          child.on('close', resolve)
          child.on('error', resolve)
        })
      }
    }`,
    flags: [...PERMISSIVE, '--timeout', '2s'],
  },
  'cold starts': { handler: "() => new Response('x')", copies: 1000 },
  'native: garbage': attempt('garbage'),
  'native: lines without end': attempt('huge-line'),
  'native: nested brackets': attempt('nested'),
  'native: ids not its own': attempt('foreign-id'),
  'native: a million logs': attempt('million-logs'),
  'native: 100,000 fetches': attempt('many-fetches'),
  'native: chunks of one byte': attempt('small-chunks'),
  'native: chunks beyond its credit': attempt('endless-body'),
  'native: reads nothing': attempt('hold'),
  'native: the CPU': attempt('spin'),
  'native: memory': attempt('fill-memory'),
  'native: forks': attempt('fork-bomb', PERMISSIVE),
  'native: a disk': attempt('fill-disk /tmp/evil'),
  'native: killed at each start': attempt('execve'),
}

/** An attempt of tests/hostile/evil, which stands as a mark in the bundle's text. */
function attempt(name: string, flags: string[] = []): Attack {
  return { handler: `() => new Response('attempt: ${name}')`, flags, native: true, clients: 1 }
}
