import { expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const ROOT = resolve(import.meta.dir, '../..')

async function counts(report: string | undefined) {
  const folder = mkdtempSync(join(tmpdir(), 'functions-junit-'))
  try {
    const path = join(folder, 'report.xml')
    if (report !== undefined) {
      writeFileSync(path, report)
    }
    const child = Bun.spawn(['python3', join(ROOT, 'scripts/junit_counts.py'), path], {
      stdout: 'pipe',
      stderr: 'ignore',
    })
    const stdout = await new Response(child.stdout).text()
    return { status: await child.exited, stdout }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test('nested suites are summed; failures, errors and skips are named, hooks are not', async () => {
  const report = `<testsuites><testsuite name="file">
    <testcase name="good" classname="" />
    <testsuite name="inner"><testcase name="bad" classname="inner"><failure>no</failure></testcase>
    <testcase name="worse" classname="inner"><error>no</error></testcase></testsuite>
    <testcase name="later" classname=""><skipped /></testcase>
    <testcase name="(unnamed)" classname="group"><skipped /></testcase></testsuite></testsuites>`
  expect(await counts(report)).toEqual({
    status: 0,
    stdout: '1 2\nfailed\tinner > bad\nfailed\tinner > worse\nskipped\tlater\n',
  })
})

for (const [title, report] of [
  ['is not there', undefined],
  ['is cut off', '<testsuites><testsuite>'],
  ['holds no test', '<testsuites></testsuites>'],
] as const) {
  test(`a report that ${title} is an error`, async () => {
    expect((await counts(report)).status).not.toBe(0)
  })
}
