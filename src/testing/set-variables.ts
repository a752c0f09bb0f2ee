import type { Database } from 'bun:sqlite'

/** Gives a function another revision of its variables, all of them plain, without a service. */
export function setVariables(
  db: Database,
  functionId: string,
  variables: Readonly<Record<string, string>>,
): void {
  const now = new Date().toISOString()
  const last = db
    .query('SELECT max(revision) AS revision FROM env_revisions WHERE function_id = ?')
    .get(functionId) as { revision: number | null }
  const revision = (last.revision ?? 0) + 1
  db.run('INSERT INTO env_revisions VALUES (?, ?, ?)', [functionId, revision, now])
  for (const [name, value] of Object.entries(variables)) {
    db.run(
      "INSERT INTO env_variables (function_id, revision, name, kind, value, updated_at) VALUES (?, ?, ?, 'plain', ?, ?)",
      [functionId, revision, name, value, now],
    )
  }
  db.run('UPDATE functions SET env_revision = ? WHERE id = ?', [revision, functionId])
}
