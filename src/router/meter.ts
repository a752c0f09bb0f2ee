import type { FunctionError } from '../errors.ts'
import type { Gate } from '../limits/gate.ts'
import type { FunctionUsage } from '../telemetry/usage.ts'
import type { Meter } from '../worker/worker.ts'

/** Counts what one version of a function uses, and keeps it within the limits that are in force. */
export class FunctionMeter implements Meter {
  readonly usage: FunctionUsage
  /** Undefined: no limit is counted. */
  gate: Gate | undefined

  constructor(usage: FunctionUsage) {
    this.usage = usage
  }

  worked(cpuUs: number, byteMs: number): void {
    this.usage.worked(cpuUs, byteMs)
    this.gate?.spendCpu(cpuUs)
  }

  admitEgress(): FunctionError | undefined {
    const refusal = this.gate?.admitEgress()
    if (refusal === undefined) this.usage.egress(1, 0)
    else this.refused(refusal)
    return refusal
  }

  egressBytes(bytes: number): FunctionError | undefined {
    this.usage.egress(0, bytes)
    const refusal = this.gate?.spendEgress(bytes)
    if (refusal !== undefined) this.refused(refusal)
    return refusal
  }

  /** A limit refused a request, or an outbound request. */
  refused({ limit }: FunctionError): void {
    if (limit !== undefined) this.usage.limited(limit.name)
  }
}
