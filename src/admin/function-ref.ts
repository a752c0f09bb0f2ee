import { functionId, functionLabel } from '../metadata/records.ts'

/** Names one function. */
export interface FunctionRef {
  name: string
  project: string
}

export function idOf({ name, project }: FunctionRef): string {
  return functionId(name, project)
}

/** How errors and logs name it. */
export function labelOf({ name, project }: FunctionRef): string {
  return functionLabel(name, project)
}
