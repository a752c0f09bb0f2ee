/** The weights of deployments that have several versions. */
import { and, asc, desc, eq, inArray, sql } from 'drizzle-orm'
import type { Storage } from './change.ts'
import type { VersionRecord } from './records.ts'
import { toVersion } from './rows.ts'
import { deploymentWeights, functionDeployments, functionVersions } from './schema.ts'

export interface WeightedVersion {
  version: VersionRecord
  /** Percent; those of a split add up to 100. */
  weight: number
}

/** Several versions that share the requests of a function. */
export interface Split {
  /** In the order of their creation. */
  versions: WeightedVersion[]
  /** The request header whose value chooses a version; undefined: a cookie keeps a client with its version. */
  stickyHeader: string | undefined
}

export class TrafficStore {
  readonly #storage: Storage
  readonly #ofActive: ReturnType<typeof prepareActive>

  constructor(storage: Storage) {
    this.#storage = storage
    this.#ofActive = prepareActive(storage)
  }

  /** What the active deployment of a function consists of; undefined if it has one version. */
  active(functionId: string): Split | undefined {
    return splitOf(this.#ofActive.all({ functionId }))
  }

  ofDeployment(id: number): Split | undefined {
    const { db } = this.#storage
    const rows = selectWeights(db).where(eq(deploymentWeights.deploymentId, id))
    return splitOf(rows.orderBy(asc(deploymentWeights.versionId)).all())
  }

  /** Gives a deployment that was just recorded its versions. */
  add(deploymentId: number, { versions, stickyHeader }: Split): void {
    this.#storage.change((tx) => {
      const rows = versions.map(({ version, weight }) => {
        return { deploymentId, versionId: version.id, weight }
      })
      tx.insert(deploymentWeights).values(rows).run()
      tx.update(functionDeployments)
        .set({ stickyHeader: stickyHeader ?? null })
        .where(eq(functionDeployments.id, deploymentId))
        .run()
    })
  }

  /** Ids of the versions in the active deployment, and in those that the next `count` rollbacks return to. */
  inUse(functionId: string, count: number): string[] {
    const { db } = this.#storage
    const ofStatus = (status: string, limit: number) =>
      db
        .select({ id: functionDeployments.id })
        .from(functionDeployments)
        .where(
          and(
            eq(functionDeployments.functionId, functionId),
            eq(functionDeployments.status, status),
          ),
        )
        .orderBy(desc(functionDeployments.id))
        .limit(limit)
        .all()
    const ids = [...ofStatus('active', 1), ...ofStatus('superseded', count)].map(({ id }) => id)
    const rows = db
      .selectDistinct({ id: deploymentWeights.versionId })
      .from(deploymentWeights)
      .where(inArray(deploymentWeights.deploymentId, ids))
      .all()
    return rows.map(({ id }) => id)
  }

  /** Deletes the deployments that would lose one of several versions. */
  removeWith(versionIds: readonly string[]): void {
    this.#storage.change((tx) => {
      const broken = tx
        .select({ id: deploymentWeights.deploymentId })
        .from(deploymentWeights)
        .where(inArray(deploymentWeights.versionId, [...versionIds]))
      tx.delete(functionDeployments).where(inArray(functionDeployments.id, broken)).run()
    })
  }
}

/** The version that people see as the active one: the heaviest, of equal ones the oldest. */
export function heaviest({ versions }: Split): VersionRecord {
  const sorted = versions.toSorted((one, other) => other.weight - one.weight)
  return (sorted[0] as WeightedVersion).version
}

function selectWeights(db: Storage['db']) {
  return db
    .select({
      weight: deploymentWeights.weight,
      stickyHeader: functionDeployments.stickyHeader,
      version: functionVersions,
    })
    .from(deploymentWeights)
    .innerJoin(functionDeployments, eq(functionDeployments.id, deploymentWeights.deploymentId))
    .innerJoin(functionVersions, eq(functionVersions.id, deploymentWeights.versionId))
    .$dynamic()
}

function prepareActive({ db }: Storage) {
  return selectWeights(db)
    .where(
      and(
        eq(functionDeployments.functionId, sql.placeholder('functionId')),
        eq(functionDeployments.status, 'active'),
      ),
    )
    .orderBy(asc(deploymentWeights.versionId))
    .prepare()
}

function splitOf(
  rows: {
    weight: number
    stickyHeader: string | null
    version: typeof functionVersions.$inferSelect
  }[],
): Split | undefined {
  const [first] = rows
  if (first === undefined) return undefined
  return {
    versions: rows.map(({ version, weight }) => ({ version: toVersion(version), weight })),
    stickyHeader: first.stickyHeader ?? undefined,
  }
}
