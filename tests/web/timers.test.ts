import { describe, expect, test } from 'bun:test'
import { inWorker, pathOf, useTemplate } from './harness.ts'

describe('timers', () => {
  inWorker({
    'run in the order of their time, then of their making, with arguments': async () => {
      const log: unknown[] = []
      setTimeout(() => log.push('late'), 20)
      setTimeout((...args: unknown[]) => log.push(args), 1, 'a', 2)
      setTimeout(() => log.push('first'), 0)
      setTimeout(() => log.push('second'))
      queueMicrotask(() => log.push('job'))
      await new Promise((resolve) => setTimeout(resolve, 40))
      same(log, ['job', 'first', 'second', ['a', 2], 'late'])
    },
    'are never early': async () => {
      for (const ms of [1, 5, 10]) {
        const begin = performance.now()
        await new Promise((resolve) => setTimeout(resolve, ms))
        same(performance.now() - begin >= ms, true)
      }
    },
    'setInterval continues until it is cleared, also from inside': async () => {
      let count = 0
      await new Promise<void>((resolve) => {
        const id = setInterval(
          (step: number) => {
            count += step
            if (count === 6) {
              clearInterval(id)
              setTimeout(resolve, 20)
            }
          },
          1,
          2,
        )
      })
      same(count, 6)
    },
    clearing: async () => {
      let ran = false
      const id = setTimeout(() => {
        ran = true
      }, 1)
      same([typeof id, (id as never as number) > 0], ['object', true])
      clearInterval(id)
      clearTimeout(id)
      clearTimeout(undefined)
      clearTimeout('x' as never)
      clearTimeout(-1)
      clearTimeout(4294967296)
      await new Promise((resolve) => setTimeout(resolve, 10))
      same(ran, false)
    },
    'a timer has the methods of Node and stands for its number': async () => {
      const timer = setTimeout(() => {}, 1) as never as NodeJS.Timeout
      same([timer.unref() === timer, timer.hasRef(), timer.ref().hasRef()], [true, false, true])
      same([`${timer}`, timer[Symbol.toPrimitive]()], [String(+timer), +timer])
      same(JSON.stringify({ timer }), '{"timer":{}}')
      throws(() => structuredClone(timer), 'DataCloneError')
      throws(() => timer.unref.call({} as never), 'TypeError')
      throws(() => new (timer.constructor as new () => unknown)(), 'TypeError')
      let ran = 0
      clearTimeout(+setTimeout(() => ran++, 1))
      clearTimeout(`${setTimeout(() => ran++, 1)}`)
      ;(setInterval(() => ran++, 1) as never as NodeJS.Timeout).close()
      ;(setInterval(() => ran++, 1) as never as NodeJS.Timeout)[Symbol.dispose]()
      await new Promise((resolve) => setTimeout(resolve, 10))
      same(ran, 0)
    },
    'refresh starts the time again, also of a timer that has fired, and of none that was cleared':
      async () => {
        const seen: unknown[] = []
        const timer = setTimeout((text: string) => seen.push(text), 30, 'ran') as never as {
          refresh(): void
        }
        const other = setTimeout(() => seen.push('other'), 40)
        await new Promise((resolve) => setTimeout(resolve, 15))
        timer.refresh()
        await new Promise((resolve) => setTimeout(resolve, 60))
        same(seen, ['other', 'ran'])
        timer.refresh()
        await new Promise((resolve) => setTimeout(resolve, 60))
        same(seen, ['other', 'ran', 'ran'])
        clearTimeout(timer as never)
        clearTimeout(other)
        timer.refresh()
        let beats = 0
        await new Promise<void>((resolve) => {
          const interval = setInterval(() => {
            if (++beats === 1) (interval as never as { refresh(): void }).refresh()
            else if (beats === 3) {
              clearInterval(interval)
              resolve()
            }
          }, 1)
        })
        await new Promise((resolve) => setTimeout(resolve, 60))
        same([seen.length, beats], [3, 3])
      },
    'a timer that its own callback names is collected': async () => {
      const gone = await new Promise<number>((resolve) => {
        let left = 200
        const registry = new FinalizationRegistry(() => {
          if (--left === 100) resolve(left)
        })
        for (let i = 0; i < 200; i++) {
          const timer: unknown = setTimeout((..._: unknown[]) => timer, 0, {})
          registry.register(timer as object, 0)
        }
        const garbage = () => {
          for (let i = 0; i < 20_000; i++) {
            const ring: { ring?: unknown } = {}
            ring.ring = ring
          }
          setTimeout(garbage, 1, registry)
        }
        garbage()
      })
      same(gone, 100)
    },
    'strings and values that are not functions are refused': () => {
      for (const bad of ['1 + 1', undefined, null, {}, 1]) {
        throws(() => setTimeout(bad as never, 0), 'TypeError')
        throws(() => setInterval(bad as never, 0), 'TypeError')
      }
    },
    'odd delays count as none': async () => {
      for (const delay of [-5, NaN, undefined, null, 'x', {}, -Infinity, Infinity, 2 ** 32]) {
        await new Promise((resolve) => setTimeout(resolve, delay as never))
      }
      throws(() => setTimeout(() => {}, Symbol('s') as never), 'TypeError')
    },
    'ten thousand of them': async () => {
      let count = 0
      const ids: unknown[] = []
      for (let i = 0; i < 10000; i++) ids.push(setTimeout(() => count++, i % 7))
      for (let i = 0; i < 10000; i += 2) clearTimeout(ids[i] as never)
      await new Promise((resolve) => setTimeout(resolve, 60))
      same(count, 5000)
      same(new Set(ids).size, 10000)
    },
    'queueMicrotask wants a function': () => {
      throws(() => queueMicrotask('x' as never), 'TypeError')
      // @ts-expect-error no arguments
      throws(() => queueMicrotask(), 'TypeError')
    },
  })
})

const template = useTemplate()

describe('an invocation and its timers', () => {
  test('errors go to its log, and the timers of an ended one go on', async () => {
    const worker = await template().worker({
      bundle: `
        let ran = 0
        export default async (request) => {
          if (new URL(request.url).pathname === '/ran') return new Response(String(ran))
          setTimeout(() => { throw new Error('from a timer') }, 1)
          queueMicrotask(() => { throw new Error('from a microtask') })
          setTimeout(() => ran++, 30)
          setInterval(() => ran++, 30)
          await new Promise((resolve) => setTimeout(resolve, 10))
          return new Response('done')
        }`,
    })
    const { logs, text } = await worker.invoke(pathOf('x'))
    expect(text).toBe('done')
    const errors = logs.filter(({ level }) => level === 'error').map(({ message }) => message)
    expect(errors.some((message) => message.includes('from a microtask'))).toBe(true)
    expect(errors.some((message) => message.includes('from a timer'))).toBe(true)
    for (;;) {
      if (Number((await worker.invoke(pathOf('ran'))).text) > 2) break
      await Bun.sleep(10)
    }
    worker.close()
  })
})

test('a string is run as code where the function may evaluate strings, and only there', async () => {
  const bundle = `export default async () => {
    globalThis.seen = []
    let refused = false
    try {
      setTimeout("var made = 1; seen.push(this === globalThis)", 0)
      setTimeout({ toString: () => 'seen.push(made)' }, 1)
      setTimeout('throw new Error("from a string")', 2)
    } catch (error) {
      refused = error instanceof TypeError
    }
    await new Promise((resolve) => setTimeout(resolve, 10))
    return Response.json({ refused, seen })
  }`
  for (const allowEval of [false, true]) {
    const worker = await template().worker({ bundle, capabilities: { allowEval } })
    const { text, logs } = await worker.invoke()
    worker.close()
    const seen = allowEval ? [true, 1] : []
    expect(JSON.parse(text)).toEqual({ refused: !allowEval, seen })
    expect(logs.map(({ message }) => message.split('\n')[0])).toEqual(
      allowEval ? ['Uncaught Error: from a string'] : [],
    )
  }
})
