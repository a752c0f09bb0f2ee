/** The `start` message: limits and capabilities in its line, details and bundle in its payload. */
import { FunctionError } from '../../errors.ts'
import type { WorkerSpec } from '../worker.ts'
import { asciiJson, encodeLine } from './encode.ts'
import { MAX_START_BYTES, MAX_START_LINE_BYTES, PROTOCOL_VERSION } from './limits.ts'
import type { StartDetails, StartLimits } from './messages.ts'

/** CPU time that the kernel grants to a worker's whole life, ms. The budgets of its invocations end earlier. */
export function cpuLifeMs(maxCpuMs: number): number {
  return 10 * maxCpuMs + 60_000
}

/** What a worker gets besides the settings of its function. */
export interface StartSettings {
  /** Wall and CPU time that the bundle has to load. */
  loadMs: number
  loadCpuMs: number
  /** From the end of the last request to the pause of background work. */
  backgroundMs: number
  /** Of a core, for background work. */
  backgroundCpuPercent: number
}

/**
 * The line and its bytes.
 *
 * @throws {FunctionError} BUNDLE_LOAD_ERROR or WORKER_START_FAILED if they are larger than the protocol allows
 */
export function encodeStart(
  spec: WorkerSpec,
  worker: number,
  settings: StartSettings,
  bundle: Uint8Array,
): { line: string; bytes: Uint8Array[] } {
  const details: StartDetails = {
    function: spec.functionName,
    function_id: spec.functionId,
    project: spec.project,
    version: spec.version,
    handler: spec.handler,
    env: spec.env,
  }
  const head = Buffer.from(`${asciiJson(details)}\n`, 'latin1')
  const bytes = head.length + bundle.length
  if (bytes > MAX_START_BYTES) {
    throw new FunctionError(
      'BUNDLE_LOAD_ERROR',
      'The bundle and its environment variables are larger than 64 MiB together. Make one of them smaller.',
    )
  }
  const limits: StartLimits = {
    memory_bytes: spec.capabilities.maxMemory,
    cpu_ms: spec.capabilities.maxCpu,
    fds: spec.capabilities.maxFileDescriptors,
    load_ms: settings.loadMs,
    load_cpu_ms: settings.loadCpuMs,
    background_ms: settings.backgroundMs,
    background_cpu_percent: settings.backgroundCpuPercent,
  }
  const { capabilities } = spec
  const line = encodeLine({
    type: 'start',
    protocol: PROTOCOL_VERSION,
    worker,
    limits,
    capabilities,
    bytes,
  })
  if (line.length > MAX_START_LINE_BYTES) {
    throw new FunctionError(
      'WORKER_START_FAILED',
      'The capabilities of the function are larger than 16 KiB. Name fewer paths or domains.',
    )
  }
  return { line, bytes: [head, bundle] }
}
