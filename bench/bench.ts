/**
 * Measures the product beside its peers and prints the figures and the budgets as Markdown.
 *
 *     bun run bench [--runs 5] [--only cold-start,throughput] [--quick]
 *                   [--out results.json] [--markdown report.md]
 *     bun run bench --compare DIR [--runs 5] ...
 *
 * `--compare` measures the executable of another checkout (before) and of this one (after) in turn,
 * both with this checkout's bench, and without the peers.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { EXECUTABLE, ROOT } from '../tests/e2e/harness.ts'
import { LAUNCHER } from './layers.ts'
import { EVIL_WORKER } from './neighbour.ts'
import { type Figures, PARTS } from './parts.ts'
import { installPeers, peerVersions } from './peers.ts'
import { BENCH_DIR } from './programs.ts'
import { compareTable, describeRun, type Results, report } from './report.ts'
import { median } from './statistics.ts'

const { values: flags } = parseArgs({
  options: {
    runs: { type: 'string', default: '1' },
    only: { type: 'string', default: Object.keys(PARTS).join(',') },
    quick: { type: 'boolean', default: false },
    peers: { type: 'boolean', default: true },
    compare: { type: 'string' },
    out: { type: 'string' },
    markdown: { type: 'string' },
  },
  allowNegative: true,
})
const runs = Number(flags.runs)
const parts = flags.only.split(',')
mkdirSync(BENCH_DIR, { recursive: true })

function fail(message: string): never {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}

/** Fails before anything is measured when an argument is wrong or something is missing. */
function requireParts(): void {
  if (!Number.isInteger(runs) || runs < 1) {
    fail(`--runs must be a positive integer, not '${flags.runs}'.`)
  }
  for (const part of parts) {
    if (PARTS[part] === undefined) {
      fail(`The bench has no part '${part}'. Its parts are ${Object.keys(PARTS).join(', ')}.`)
    }
  }
  if (!existsSync(EXECUTABLE)) {
    fail(`${EXECUTABLE} does not exist. Run scripts/build.sh in that checkout.`)
  }
  if (flags.compare !== undefined && !existsSync(join(flags.compare, 'functions'))) {
    fail(`${flags.compare} has no executable 'functions'. Run scripts/build.sh in it.`)
  }
  if (parts.includes('throughput') && Bun.which('wrk') === null) {
    fail('The throughput part needs wrk. Install it; the Debian package is named wrk.')
  }
  const needed = { layers: LAUNCHER, neighbours: EVIL_WORKER }
  for (const [part, path] of Object.entries(needed)) {
    if (parts.includes(part) && !existsSync(path)) {
      fail(`The ${part} part needs ${path}. Run scripts/build.sh --attackers in that checkout.`)
    }
  }
}

/** Runs one part and notes how long it took. */
async function runPart(part: string, figures: Figures, seconds: Record<string, number[]>) {
  process.stderr.write(`  ${part} `)
  const start = performance.now()
  Object.assign(figures, await PARTS[part]?.({ quick: flags.quick, peers: flags.peers }))
  const took = (performance.now() - start) / 1000
  seconds[part] = [...(seconds[part] ?? []), took]
  process.stderr.write(`${took.toFixed(0)} s\n`)
}

function resultsOf(measured: Figures[], seconds: Record<string, number[]>): Results {
  return {
    date: new Date().toISOString(),
    machine: `${cpus()[0]?.model ?? 'unknown CPU'}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GB`,
    kernel: release(),
    peers: peerVersions(),
    quick: flags.quick,
    runs: measured,
    partSeconds: Object.fromEntries(
      Object.entries(seconds).map(([part, all]) => [part, median(all)]),
    ),
  }
}

/** All parts in each of the runs. The results are written after each run, so that none is lost. */
async function measure(): Promise<void> {
  if (flags.peers) {
    installPeers()
  }
  const out = flags.out ?? join(BENCH_DIR, 'results.json')
  const measured: Figures[] = []
  const seconds: Record<string, number[]> = {}
  for (let run = 1; run <= runs; run++) {
    process.stderr.write(`run ${run} of ${runs}\n`)
    const figures: Figures = {}
    for (const part of parts) {
      await runPart(part, figures, seconds)
    }
    measured.push(figures)
    writeFileSync(out, `${JSON.stringify(resultsOf(measured, seconds), null, 2)}\n`)
  }
  print(report(resultsOf(measured, seconds)))
  process.stderr.write(`The results are in ${out}.\n`)
}

/** Part by part, one side after the other; the side that is first changes from run to run. */
async function compare(other: string): Promise<void> {
  const sides = [
    { executable: join(resolve(other), 'functions'), measured: [] as Figures[] },
    { executable: EXECUTABLE, measured: [] as Figures[] },
  ]
  for (let run = 1; run <= runs; run++) {
    process.stderr.write(`run ${run} of ${runs}\n`)
    for (const side of sides) {
      side.measured.push({})
    }
    for (const part of parts) {
      for (const side of run % 2 === 1 ? sides : sides.toReversed()) {
        Object.assign(side.measured.at(-1) as Figures, await measureApart(side.executable, part))
      }
    }
  }
  const [before, after] = sides.map(({ measured }) => resultsOf(measured, {})) as [Results, Results]
  if (flags.out !== undefined) {
    writeFileSync(flags.out, `${JSON.stringify({ before, after }, null, 2)}\n`)
  }
  print(`${[describeRun(after), '', ...compareTable(before, after)].join('\n')}\n`)
}

/** Runs one part in a separate process, against the given executable. */
async function measureApart(executable: string, part: string): Promise<Figures> {
  const out = join(BENCH_DIR, 'compare.json')
  const child = Bun.spawn(
    [
      process.execPath,
      import.meta.path,
      '--only',
      part,
      '--no-peers',
      '--out',
      out,
      ...(flags.quick ? ['--quick'] : []),
    ],
    {
      env: { ...process.env, FUNCTIONS_EXECUTABLE: executable },
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  )
  process.stderr.write(`  ${part} with ${executable}\n`)
  const messages = await new Response(child.stderr).text()
  if ((await child.exited) !== 0) {
    fail(`The part ${part} failed with ${executable}: ${messages}`)
  }
  const results: Results = JSON.parse(readFileSync(out, 'utf8'))
  return results.runs[0] as Figures
}

function print(text: string): void {
  process.stdout.write(text)
  if (flags.markdown !== undefined) {
    mkdirSync(dirname(resolve(ROOT, flags.markdown)), { recursive: true })
    writeFileSync(flags.markdown, text)
  }
}

requireParts()
if (flags.compare === undefined) {
  await measure()
} else {
  await compare(flags.compare)
}
