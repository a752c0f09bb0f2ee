/** The global scope as an EventTarget, and its reports of uncaught errors. */
import { describe, expect, test } from 'bun:test'
import { inOwnWorker, useTemplate } from './harness.ts'

describe('the global scope', () => {
  inOwnWorker({
    'is an EventTarget, also where nothing stands in front of the call': () => {
      const log: unknown[] = []
      const scope = globalThis as never as EventTarget
      same(scope instanceof EventTarget, true)
      const listener = (event: Event) => log.push(event.target === scope, event.type)
      addEventListener('x', listener as never)
      same(dispatchEvent(new Event('x')), true)
      removeEventListener('x', listener as never)
      dispatchEvent(new Event('x'))
      const { addEventListener: add } = EventTarget.prototype
      ;(add as (this: undefined, type: string, listener: unknown) => void).call(
        undefined,
        'y',
        listener,
      )
      scope.dispatchEvent(new Event('y'))
      same(log, [true, 'x', true, 'y'])
      throws(() => add.call({} as never, 'x', null as never), 'TypeError')
      throws(() => structuredClone(globalThis), 'DataCloneError')
    },
    'reportError tells listeners, and onerror what happened': async () => {
      const scope = globalThis as never as { onerror: unknown }
      const log: unknown[] = []
      same(scope.onerror, null)
      scope.onerror = (...args: unknown[]) => {
        log.push(args[0], typeof args[1], (args[2] as number) > 0, args[4])
        return true
      }
      addEventListener('error', ((event: ErrorEvent) => {
        log.push(event instanceof ErrorEvent, event.isTrusted, event.defaultPrevented, event.error)
      }) as never)
      const error = new RangeError('over')
      reportError(error)
      same(log[0], 'Uncaught RangeError: over')
      same([log[1], log[2]], ['string', true])
      same(log[3] === error && log[7] === error, true)
      same([log[4], log[5], log[6]], [true, true, true])
      log.length = 0
      scope.onerror = 5
      same(scope.onerror, null)
      reportError('text')
      same(log, [true, true, false, 'text'])
    },
    'onerror gets a plain event as it is, and false cancels that': () => {
      const scope = globalThis as never as { onerror: unknown } & EventTarget
      let seen: unknown
      scope.onerror = (event: unknown) => {
        seen = event
        return false
      }
      const event = new Event('error', { cancelable: true })
      same(scope.dispatchEvent(event), false)
      same(seen === event, true)
    },
    'exceptions of timers, microtasks and listeners are reported': async () => {
      const seen: unknown[] = []
      addEventListener('error', ((event: ErrorEvent) => {
        seen.push((event.error as Error).message)
        event.preventDefault()
      }) as never)
      setTimeout(() => {
        throw new Error('timer')
      })
      queueMicrotask(() => {
        throw new Error('microtask')
      })
      const target = new EventTarget()
      target.addEventListener('x', () => {
        throw new Error('listener')
      })
      target.dispatchEvent(new Event('x'))
      await new Promise((resolve) => setTimeout(resolve, 5))
      same(seen, ['listener', 'microtask', 'timer'])
    },
    'rejections without a handler, and one that comes late': async () => {
      const scope = globalThis as never as Record<string, unknown>
      const log: unknown[] = []
      const keep: PromiseRejectionEvent[] = []
      scope.onunhandledrejection = (event: PromiseRejectionEvent) => {
        keep.push(event)
        log.push(event.type, event.reason, event.cancelable, event instanceof PromiseRejectionEvent)
      }
      scope.onrejectionhandled = (event: PromiseRejectionEvent) => {
        log.push(event.type, event.promise === late, event.reason, event.cancelable)
      }
      const late = Promise.reject('late')
      Promise.reject('soon').catch(() => undefined)
      await new Promise((resolve) => setTimeout(resolve, 5))
      same(log, ['unhandledrejection', 'late', true, true])
      same(keep[0]?.promise === late, true)
      log.length = 0
      late.catch(() => undefined)
      await new Promise((resolve) => setTimeout(resolve, 5))
      same(log, ['rejectionhandled', true, 'late', false])
    },
    'events of errors, as scripts make them': () => {
      const order: string[] = []
      const init = new Proxy(
        { message: 'm', lineno: -1, filename: '\ud800', colno: '7', error: 1 },
        {
          get: (target, key) => {
            order.push(key as string)
            return target[key as 'message']
          },
        },
      )
      const event = new ErrorEvent('x', init as never)
      same(order, [
        'bubbles',
        'cancelable',
        'composed',
        'colno',
        'error',
        'filename',
        'lineno',
        'message',
      ])
      same([event.message, event.filename, event.lineno], ['m', '\ufffd', 4294967295])
      same([event.colno, event.error, event.isTrusted], [7, 1, false])
      same(new ErrorEvent('x').error, undefined)
      throws(() => new PromiseRejectionEvent('x', {} as never), 'TypeError')
      // @ts-expect-error no options
      throws(() => new PromiseRejectionEvent('x'), 'TypeError')
      const promise = Promise.resolve()
      same(new PromiseRejectionEvent('x', { promise }).promise === promise, true)
    },
  })
})

const template = useTemplate()

async function logsOf(body: string, wait = 10): Promise<string[]> {
  const worker = await template().worker({
    bundle: `export default async () => {
      ${body}
      await new Promise((resolve) => setTimeout(resolve, ${wait}))
      return new Response('ok')
    }`,
  })
  const { logs, text } = await worker.invoke()
  worker.close()
  expect(text).toBe('ok')
  return logs.map(({ message }) => message.split('\n')[0] as string)
}

describe('an error that no listener cancels is logged', () => {
  test('an error, with and without a listener that cancels', async () => {
    expect(await logsOf(`reportError(new Error('a'))`)).toEqual(['Uncaught Error: a'])
    const listen = `addEventListener('error', (event) => console.log(event.message))`
    expect(await logsOf(`${listen}; reportError(new Error('a'))`)).toEqual([
      'Uncaught Error: a',
      'Uncaught Error: a',
    ])
    const cancel = `addEventListener('error', (event) => event.preventDefault())`
    expect(await logsOf(`${cancel}; reportError(new Error('a'))`)).toEqual([])
  })

  test('what a listener for errors throws, once', async () => {
    const listen = `addEventListener('error', () => { throw new Error('b') })`
    expect(await logsOf(`${listen}; reportError(new Error('a'))`)).toEqual([
      'Uncaught Error: b',
      'Uncaught Error: a',
    ])
  })

  test('a rejection, with and without a listener that cancels', async () => {
    expect(await logsOf(`Promise.reject(new Error('a'))`)).toEqual([
      'Unhandled rejection: Error: a',
    ])
    const cancel = `onunhandledrejection = (event) => event.preventDefault()`
    expect(await logsOf(`${cancel}; Promise.reject(new Error('a'))`)).toEqual([])
    const listen = `addEventListener('unhandledrejection', () => { throw new Error('b') })`
    expect(await logsOf(`${listen}; Promise.reject(new Error('a'))`)).toEqual([
      'Uncaught Error: b',
      'Unhandled rejection: Error: a',
    ])
  })

  test('rejections that a listener makes do not keep the worker busy for ever', async () => {
    const listen = `let n = 0
      addEventListener('unhandledrejection', () => { if (n++ < 3) Promise.reject(new Error('again')) })`
    expect(await logsOf(`${listen}; Promise.reject(new Error('a'))`, 30)).toHaveLength(4)
  })

  test('each invocation has its own in its log', async () => {
    const worker = await template().worker({
      bundle: `addEventListener('error', (event) => console.log('heard', event.error.message))
      export default async (request) => {
        reportError(new Error(new URL(request.url).pathname))
        return new Response('ok')
      }`,
    })
    const [a, b] = await Promise.all(
      ['/a', '/b'].map((path) => worker.invoke({ url: `http://localhost${path}` })),
    )
    worker.close()
    const lines = (logs: { message: string }[] = []) =>
      logs.map(({ message }) => message.split('\n')[0])
    expect(lines(a?.logs)).toEqual(['heard /a', 'Uncaught Error: /a'])
    expect(lines(b?.logs)).toEqual(['heard /b', 'Uncaught Error: /b'])
  })
})
