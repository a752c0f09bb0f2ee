import { expect, test } from 'bun:test'
import { FunctionError } from '../errors.ts'
import { ChangeQueue } from './change-queue.ts'

/** Changes that end when they are let go. */
function changes() {
  const queue = new ChangeQueue()
  const log: string[] = []
  const ends = new Map<string, () => void>()
  const begin = (name: string, ...ids: string[]) =>
    queue.run(ids, async () => {
      log.push(name)
      await new Promise<void>((end) => ends.set(name, end))
    })
  return { queue, log, begin, end: (name: string) => ends.get(name)?.() }
}

const turn = () => Bun.sleep(1)

test('changes of one function run one at a time, those of others beside them', async () => {
  const { log, begin, end } = changes()
  const all = [begin('first', 'a'), begin('second', 'a'), begin('other', 'b')]
  await turn()
  expect(log).toEqual(['first', 'other'])
  for (const name of ['first', 'other']) end(name)
  await turn()
  expect(log).toEqual(['first', 'other', 'second'])
  end('second')
  await Promise.all(all)
})

test('changes of several functions that overlap never wait for each other', async () => {
  const { log, begin, end } = changes()
  const all = [begin('ab', 'a', 'b'), begin('bc', 'b', 'c'), begin('ca', 'c', 'a')]
  for (const name of ['ab', 'bc', 'ca']) {
    await turn()
    expect(log.at(-1)).toBe(name)
    end(name)
  }
  await Promise.all(all)
})

test('a change of several functions that has begun ends during a pause, and no other begins', async () => {
  const { queue, log, begin, end } = changes()
  const all = [begin('before', 'a'), begin('ab', 'a', 'b')]
  await turn()
  let paused = false
  const pausing = queue.pause().then(() => {
    paused = true
  })
  all.push(begin('later', 'c'))
  end('before')
  await turn()
  expect([log, paused]).toEqual([['before', 'ab'], false])
  end('ab')
  await pausing
  expect(log).not.toContain('later')
  queue.resume()
  await turn()
  end('later')
  await Promise.all(all)
})

test('a change that fails stops no other, and one that waited fails with what resumed it', async () => {
  const { queue } = changes()
  const failing = queue.run(['a'], () => Promise.reject(new Error('no')))
  const next = queue.run(['a'], async () => 'done')
  expect(failing).rejects.toThrow('no')
  expect(await next).toBe('done')
  await queue.pause()
  const waiting = queue.run(['a'], async () => 'never')
  queue.resume(new FunctionError('SHUTTING_DOWN', 'elsewhere'))
  expect(waiting).rejects.toThrow('elsewhere')
})
