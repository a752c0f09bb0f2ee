import { z } from 'zod'

/** What a function may reach and use. An empty allowlist with its flag on means everything. */
export const capabilitiesSchema = z.strictObject({
  allowFilesystem: z.boolean(),
  allowedPaths: z.array(z.string()),
  allowNetwork: z.boolean(),
  allowedDomains: z.array(z.string()),
  allowChildProcess: z.boolean(),
  allowEval: z.boolean(),
  /** Bytes. */
  maxMemory: z.int().positive(),
  /** CPU milliseconds of one invocation. */
  maxCpu: z.int().positive(),
  maxFileDescriptors: z.int().positive(),
  projectId: z.string(),
})

export type Capabilities = z.infer<typeof capabilitiesSchema>
