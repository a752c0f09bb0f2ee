/** What a tenant does to take more than its share of the machine. */
export interface Attack {
  /** The attacker's handler. */
  handler: string
  /** Flags of `functions deploy`. */
  flags?: string[]
  /** The body of each of its requests. */
  body?: Uint8Array<ArrayBuffer>
  /** Concurrent requests of the attacker: 1 for native code, 4 by default. */
  clients?: number
  /** Number of further functions with the same handler, called in turn. */
  copies?: number
  /** The handler is never loaded: native code runs the attempt that its text names. */
  native?: boolean
}

const PERMISSIVE = ['--profile', 'permissive']
const BODY = new Uint8Array(8 * 2 ** 20)

export const ATTACKS: Record<string, Attack> = {
  'plain requests, for comparison': { handler: "() => new Response('x')" },
  'endless loop': { handler: '() => { for (;;); }', flags: ['--cpu', '2s'] },
  'endless promises': {
    handler:
      '() => new Promise(() => { const again = () => Promise.resolve().then(again); again() })',
    flags: ['--cpu', '2s'],
  },
  'endless allocation': {
    handler: '() => { const all = []; for (;;) all.push(new Uint8Array(65536).fill(1)) }',
  },
  'endless log lines': {
    handler: "() => { for (;;) console.log('x'.repeat(1000)) }",
    flags: ['--cpu', '2s'],
  },
  'endless response': {
    handler: `() => new Response(new ReadableStream({
      pull(controller) { controller.enqueue(new Uint8Array(65536)) },
    }))`,
  },
  'bodies of 8 MB': {
    handler: 'async (req) => new Response(await req.arrayBuffer())',
    body: BODY,
  },
  'refused fetches': {
    handler: `async () => {
      for (;;) await Promise.allSettled(Array.from({ length: 50 }, () => fetch('http://127.0.0.1/')))
    }`,
    flags: [...PERMISSIVE, '--cpu', '2s'],
  },
  'endless child processes': {
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
  'native: endless line': attempt('huge-line'),
  'native: nested brackets': attempt('nested'),
  'native: foreign ids': attempt('foreign-id'),
  'native: a million logs': attempt('million-logs'),
  'native: 100,000 fetches': attempt('many-fetches'),
  'native: chunks of one byte': attempt('small-chunks'),
  'native: chunks without credit': attempt('endless-body'),
  'native: never reads': attempt('hold'),
  'native: CPU loop': attempt('spin'),
  'native: fills memory': attempt('fill-memory'),
  'native: fork bomb': attempt('fork-bomb', PERMISSIVE),
  'native: fills a disk': attempt('fill-disk /tmp/evil'),
  'native: killed at every start': attempt('execve'),
}

/** An attempt of tests/hostile/evil; the evil worker finds its name in the bundle's text. */
function attempt(name: string, flags: string[] = []): Attack {
  return { handler: `() => new Response('attempt: ${name}')`, flags, native: true, clients: 1 }
}
