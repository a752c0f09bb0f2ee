/** Paths of the management API. */
import { checked, functionNameSchema } from '../admin/settings.ts'

/** @throws {FunctionError} BAD_REQUEST for a name that is none */
export function functionPath(project: string, name: string): string {
  return `${projectPath(project)}/functions/${checked(functionNameSchema, name, 'name')}`
}

/** @param project a name that is valid */
export function projectPath(project: string): string {
  return `/v1/projects/${project}`
}
