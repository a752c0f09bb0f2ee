/** What gives a process its bundle, once it has a channel. */

import type { FunctionError } from '../../errors.ts'
import type { Channel } from '../protocol/channel.ts'
import { encodeStart } from '../protocol/start-message.ts'
import type { WorkerSpec } from '../worker.ts'
import { asFunctionError } from './failures.ts'

export class Start {
  readonly #spec: WorkerSpec
  readonly #bundle: Uint8Array | Promise<Uint8Array>
  readonly #failed: (error: FunctionError) => void
  #sent = false

  /** @param failed told when the bundle cannot be had or sent, never before this call has returned */
  constructor(spec: WorkerSpec, failed: (error: FunctionError) => void) {
    this.#spec = spec
    this.#failed = failed
    this.#bundle = loadBundle(spec)
    if (this.#bundle instanceof Promise) {
      this.#bundle.catch((cause) => failed(asFunctionError(cause)))
    }
  }

  /** It is in the channel, and what is sent from now on comes behind it. */
  get sent(): boolean {
    return this.#sent
  }

  /** Sends it: at once where the bundle was small enough to be read at once. */
  send(channel: Channel, worker: number, load: { loadMs: number; loadCpuMs: number }): void {
    const bundle = this.#bundle
    if (bundle instanceof Promise) {
      bundle.then((bytes) => this.#send(channel, worker, load, bytes)).catch(() => {}) // told already
    } else {
      this.#send(channel, worker, load, bundle)
    }
  }

  #send(
    channel: Channel,
    worker: number,
    load: { loadMs: number; loadCpuMs: number },
    bundle: Uint8Array,
  ): void {
    try {
      const { line, bytes } = encodeStart(this.#spec, worker, load, bundle)
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
