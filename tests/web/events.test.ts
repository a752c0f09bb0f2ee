import { describe } from 'bun:test'
import { inWorker } from './harness.ts'

describe('events', () => {
  inWorker({
    'an Event and its attributes': () => {
      const event = new Event('x', { bubbles: true, cancelable: true })
      same([event.type, event.bubbles, event.cancelable, event.composed], ['x', true, true, false])
      same([event.target, event.currentTarget, event.eventPhase], [null, null, 0])
      same([event.isTrusted, event.defaultPrevented, event.returnValue], [false, false, true])
      same([Event.AT_TARGET, (event as never as typeof Event).BUBBLING_PHASE], [2, 3])
      same(event.composedPath(), [])
      same(typeof event.timeStamp, 'number')
      event.preventDefault()
      same(event.defaultPrevented, true)
      const old = event as never as { initEvent(type: string): void }
      old.initEvent('y')
      same([event.type, event.bubbles, event.defaultPrevented], ['y', false, false])
      // @ts-expect-error no arguments
      throws(() => new Event(), 'TypeError')
      throws(() => new Event('x', 1 as never), 'TypeError')
      throws(() => {
        ;(event as { isTrusted: boolean }).isTrusted = true
      }, 'TypeError')
    },
    'listeners run in order, capturing ones first, and each once only': () => {
      const target = new EventTarget()
      const log: string[] = []
      const twice = () => log.push('twice')
      target.addEventListener('x', () => log.push('bubble'))
      target.addEventListener('x', () => log.push('capture'), true)
      target.addEventListener('x', twice)
      target.addEventListener('x', twice)
      target.addEventListener('x', () => log.push('once'), { once: true })
      target.addEventListener('y', () => log.push('other'))
      same(target.dispatchEvent(new Event('x')), true)
      target.removeEventListener('x', twice)
      target.dispatchEvent(new Event('x'))
      same(log, ['capture', 'bubble', 'twice', 'once', 'capture', 'bubble'])
    },
    'objects with handleEvent, this, and null': () => {
      const target = new EventTarget()
      const seen: unknown[] = []
      const object = {
        handleEvent(event: Event) {
          seen.push(this === object, event.currentTarget === target)
        },
      }
      target.addEventListener('x', object)
      target.addEventListener('x', function (this: EventTarget) {
        seen.push(this === target)
      })
      target.addEventListener('x', null as never)
      throws(() => target.addEventListener('x', 1 as never), 'TypeError')
      target.dispatchEvent(new Event('x'))
      same(seen, [true, true, true])
    },
    'stopping, cancelling and passive listeners': () => {
      const target = new EventTarget()
      const log: number[] = []
      target.addEventListener('x', (event) => event.preventDefault(), { passive: true })
      same(target.dispatchEvent(new Event('x', { cancelable: true })), true)
      target.addEventListener('x', (event) => {
        event.preventDefault()
        event.stopImmediatePropagation()
      })
      target.addEventListener('x', () => log.push(1))
      same(target.dispatchEvent(new Event('x', { cancelable: true })), false)
      same(target.dispatchEvent(new Event('x')), true)
      same(log, [])
    },
    'listeners that are added or removed meanwhile': () => {
      const target = new EventTarget()
      const log: string[] = []
      const late = () => log.push('late')
      const gone = () => log.push('gone')
      target.addEventListener('x', () => {
        target.addEventListener('x', late)
        target.removeEventListener('x', gone)
      })
      target.addEventListener('x', gone)
      target.dispatchEvent(new Event('x'))
      same(log, [])
      target.dispatchEvent(new Event('x'))
      same(log, ['late'])
    },
    'a listener that throws does not stop the others': () => {
      const target = new EventTarget()
      const log: string[] = []
      target.addEventListener('x', () => {
        throw new Error('reported')
      })
      target.addEventListener('x', () => log.push('next'))
      same(target.dispatchEvent(new Event('x')), true)
      same(log, ['next'])
    },
    'an event that is under way is not dispatched again': () => {
      const target = new EventTarget()
      const event = new Event('x')
      let name = ''
      target.addEventListener('x', () => {
        try {
          target.dispatchEvent(event)
        } catch (error) {
          name = (error as Error).name
        }
      })
      target.dispatchEvent(event)
      same(name, 'InvalidStateError')
      throws(() => target.dispatchEvent({} as Event), 'TypeError')
      throws(() => EventTarget.prototype.dispatchEvent.call({} as EventTarget, event), 'TypeError')
    },
    CustomEvent: () => {
      const detail = {}
      same(new CustomEvent('x', { detail }).detail === detail, true)
      same(new CustomEvent('x').detail, null)
      same(new CustomEvent('x') instanceof Event, true)
    },
    'classes of the function': () => {
      class Emitter extends EventTarget {
        emit() {
          return this.dispatchEvent(new Event('x'))
        }
      }
      let target: unknown
      const emitter = new Emitter()
      emitter.addEventListener('x', (event) => {
        target = event.target
      })
      emitter.emit()
      same(target === emitter, true)
    },
  })
})

describe('aborting', () => {
  inWorker({
    'a controller and its signal': () => {
      const controller = new AbortController()
      const { signal } = controller
      const log: unknown[] = []
      signal.onabort = (event) => log.push('on', event.isTrusted, event.target === signal)
      signal.addEventListener('abort', () => log.push(signal.reason.name))
      same([signal.aborted, signal.reason], [false, undefined])
      signal.throwIfAborted()
      controller.abort()
      controller.abort('again')
      same(log, ['on', true, true, 'AbortError'])
      same([signal.aborted, signal.reason.code], [true, 20])
      throws(() => signal.throwIfAborted(), 'AbortError')
      throws(() => new (AbortSignal as never as new () => unknown)(), 'TypeError')
    },
    reasons: () => {
      const controller = new AbortController()
      controller.abort(null)
      same(controller.signal.reason, null)
      same(AbortSignal.abort(0).reason, 0)
      same(AbortSignal.abort().reason.name, 'AbortError')
    },
    'any: follows all of them, and their sources': () => {
      const first = new AbortController()
      const second = new AbortController()
      const any = AbortSignal.any([first.signal, second.signal])
      const nested = AbortSignal.any([any, AbortSignal.any([])])
      const log: string[] = []
      first.signal.addEventListener('abort', () => log.push(`${any.aborted}${nested.aborted}`))
      any.addEventListener('abort', () => log.push('any'))
      nested.addEventListener('abort', () => log.push('nested'))
      first.abort('why')
      second.abort('later')
      same(log, ['truetrue', 'any', 'nested'])
      same([any.reason, nested.reason], ['why', 'why'])
      same(AbortSignal.any([AbortSignal.abort(1), AbortSignal.abort(2)]).reason, 1)
      throws(() => AbortSignal.any([{} as AbortSignal]), 'TypeError')
      throws(() => AbortSignal.any(1 as never), 'TypeError')
    },
    timeout: async () => {
      const signal = AbortSignal.timeout(5)
      same(signal.aborted, false)
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      same([signal.reason.name, signal.reason.code], ['TimeoutError', 23])
      throws(() => AbortSignal.timeout(-1), 'TypeError')
      throws(() => AbortSignal.timeout(NaN), 'TypeError')
    },
    'a listener with a signal is removed by it': () => {
      const target = new EventTarget()
      const controller = new AbortController()
      let calls = 0
      const { signal } = controller
      target.addEventListener('x', () => calls++, { signal })
      target.dispatchEvent(new Event('x'))
      controller.abort()
      target.dispatchEvent(new Event('x'))
      target.addEventListener('x', () => calls++, { signal })
      target.dispatchEvent(new Event('x'))
      same(calls, 1)
      throws(
        () => target.addEventListener('x', null as never, { signal: {} as AbortSignal }),
        'TypeError',
      )
    },
  })
})
