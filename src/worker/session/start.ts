/** Loads the bundle while the process starts, and sends it with `start` when there is a channel. */
import type { FunctionError } from '../../errors.ts'
import type { Channel } from '../protocol/channel.ts'
import { encodeStart, type StartSettings } from '../protocol/start-message.ts'
import type { WorkerSpec } from '../worker.ts'
import { asFunctionError } from './failures.ts'

export class Start {
  readonly #spec: WorkerSpec
  readonly #bundle: Uint8Array | Promise<Uint8Array>
  readonly #failed: (error: FunctionError) => void
  #sent = false

  /** @param failed called if the bundle cannot be loaded or sent, never before this call has returned */
  constructor(spec: WorkerSpec, failed: (error: FunctionError) => void) {
    this.#spec = spec
    this.#failed = failed
    this.#bundle = loadBundle(spec)
    if (this.#bundle instanceof Promise) {
      this.#bundle.catch((cause) => failed(asFunctionError(cause)))
    }
  }

  /** `start` is in the channel: what is sent from now on comes after it. */
  get sent(): boolean {
    return this.#sent
  }

  /** Sends `start`, at once if the bundle is loaded. */
  send(channel: Channel, worker: number, settings: StartSettings): void {
    const bundle = this.#bundle
    if (bundle instanceof Promise) {
      bundle.then((bytes) => this.#send(channel, worker, settings, bytes)).catch(() => {}) // reported by the constructor
    } else {
      this.#send(channel, worker, settings, bundle)
    }
  }

  #send(channel: Channel, worker: number, settings: StartSettings, bundle: Uint8Array): void {
    try {
      const { line, bytes } = encodeStart(this.#spec, worker, settings, bundle)
      channel.sendLine(line)
      for (const part of bytes) channel.sendBytes(part)
      this.#sent = true
    } catch (cause) {
      queueMicrotask(() => this.#failed(asFunctionError(cause)))
    }
  }
}

function loadBundle(spec: WorkerSpec): Uint8Array | Promise<Uint8Array> {
  try {
    return spec.loadBundle()
  } catch (cause) {
    return Promise.reject(cause)
  }
}
