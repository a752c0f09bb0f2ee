/** What a backup and a restore say of secrets. Their key is never in a backup. */
import type { Database } from 'bun:sqlite'

export interface StoredSecrets {
  /** Secrets that functions have now. */
  secrets: number
  /** Fingerprints of the keys that encrypted them. */
  keyIds: string[]
}

/** @param db may be of a release without secrets */
export function secretsIn(db: Database): StoredSecrets {
  const table = db.query("SELECT 1 FROM sqlite_master WHERE name = 'env_variables'").get()
  if (table === null) return { secrets: 0, keyIds: [] }
  const rows = db
    .query<{ keyId: string; n: number }, []>(
      `SELECT v.key_id AS keyId, count(*) AS n FROM env_variables v
       JOIN functions f ON f.id = v.function_id AND f.env_revision = v.revision
       WHERE v.kind = 'secret' GROUP BY v.key_id ORDER BY v.key_id`,
    )
    .all()
  const secrets = rows.reduce((sum, { n }) => sum + n, 0)
  return { secrets, keyIds: rows.map(({ keyId }) => keyId) }
}
