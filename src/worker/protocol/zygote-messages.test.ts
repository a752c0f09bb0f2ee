/** Random lines, similar to messages of the zygote or not: each is a valid message or a breach. */
import { expect, test } from 'bun:test'
import { seeded } from '../../testing/prng.ts'
import { ProtocolBreach } from './messages.ts'
import { validateZygoteMessage } from './zygote-messages.ts'

const MESSAGES: Record<string, unknown>[] = [
  { type: 'listening', layers: ['seccomp'] },
  { type: 'forked', worker: 1, pid: 2 },
  { type: 'exited', worker: 1, status: 0, signal: 9, cpu_us: 5, max_rss: 6, reason: 'cpu' },
  { type: 'launched', pid: 7, layers: ['uid'] },
  { type: 'launch-failed', what: 'root', errno: 'EPERM' },
]
const VALUES: unknown[] = [
  null,
  true,
  -1,
  1.5,
  2 ** 60,
  0,
  9,
  '',
  'x',
  '__proto__',
  [],
  ['x'],
  [1],
  [['x']],
  {},
  { toString: 1 },
  { length: 3 },
  Number.NaN,
  'toString',
]
const SHAPES: Record<string, Record<string, (value: unknown) => boolean>> = {
  listening: { layers: isNames },
  forked: { worker: isCount, pid: isCount },
  exited: { worker: isCount, status: isCount, signal: isCount, cpu_us: isCount, max_rss: isCount },
  launched: { pid: Number.isSafeInteger, layers: isNames },
  'launch-failed': { what: isText, errno: isText },
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
function isText(value: unknown): boolean {
  return typeof value === 'string'
}
function isNames(value: unknown): boolean {
  return Array.isArray(value) && value.every(isText)
}

function line(random: (below: number) => number): unknown {
  if (random(20) === 0) return VALUES[random(VALUES.length)]
  const message = { ...MESSAGES[random(MESSAGES.length)] }
  for (let changes = random(3); changes > 0; changes--) {
    const keys = Object.keys(message)
    const key = keys[random(keys.length)] ?? 'type'
    if (random(3) === 0) delete message[key]
    else message[key] = VALUES[random(VALUES.length)]
  }
  return message
}

test('lines as they are, changed in places, and none at all', () => {
  const seed = Date.now() % 2 ** 31
  const random = seeded(seed)
  let taken = 0
  let refused = 0
  for (let i = 0; i < 20_000; i++) {
    const value = line(random)
    try {
      const message = validateZygoteMessage(value) as unknown as Record<string, unknown>
      const shape = SHAPES[message.type as string] ?? {}
      const wrong = Object.entries(shape).filter(([key, holds]) => !holds(message[key]))
      expect([seed, value, wrong.map(([key]) => key)]).toEqual([seed, value, []])
      taken++
    } catch (error) {
      if (!(error instanceof ProtocolBreach)) throw new Error(`seed ${seed}`, { cause: error })
      refused++
    }
  }
  expect(taken).toBeGreaterThan(1000)
  expect(refused).toBeGreaterThan(1000)
})
