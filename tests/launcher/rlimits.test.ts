import { expect, test } from 'bun:test'
import { output, starters } from './harness.ts'

/** Soft and hard value of a row of /proc/self/limits. */
function limit(text: string, name: string): string[] {
  const row = text.split('\n').find((line) => line.startsWith(name)) ?? ''
  return row.slice(name.length).trim().split(/\s+/).slice(0, 2)
}

for (const starter of starters) {
  test(`limits are as asked, soft and hard (${starter})`, async () => {
    const flags = ['--nofile', '33', '--as', '1073741824', '--cpu', '77', '--fsize', '4096']
    const limits = await output('cat /proc/self/limits', {
      starter,
      flags: [...flags, '--nproc', '500'],
    })
    expect(limit(limits, 'Max open files')).toEqual(['33', '33'])
    expect(limit(limits, 'Max address space')).toEqual(['1073741824', '1073741824'])
    expect(limit(limits, 'Max cpu time')).toEqual(['77', '77'])
    expect(limit(limits, 'Max file size')).toEqual(['4096', '4096'])
    expect(limit(limits, 'Max processes')).toEqual(['500', '500'])
  })

  test(`no core file and no locked memory, whatever is asked (${starter})`, async () => {
    const limits = await output('cat /proc/self/limits', { starter })
    expect(limit(limits, 'Max core file size')).toEqual(['0', '0'])
    expect(limit(limits, 'Max locked memory').slice(0, 2)).toEqual(['0', '0'])
  })

  test(`a limit that the launcher itself is under is not raised (${starter})`, async () => {
    const limits = await output('cat /proc/self/limits', {
      starter,
      through: ['/bin/sh', '-c', 'ulimit -n 64; exec "$@"', 'sh'],
      flags: ['--nofile', '4096'],
    })
    expect(limit(limits, 'Max open files')).toEqual(['64', '64'])
  })

  test(`a limit is enforced: the fifth descriptor is refused (${starter})`, async () => {
    const script =
      'exec 4</dev/null || exit 1; (exec 5</dev/null) 2>/dev/null && exit 2; echo refused'
    expect(await output(script, { starter, flags: ['--nofile', '5'] })).toBe('refused\n')
  })
}
