import semver from 'semver'

export default (req: Request): Response => {
  const { searchParams } = new URL(req.url)
  const versions = searchParams.getAll('v')
  return Response.json({
    sorted: semver.sort([...versions]),
    best: semver.maxSatisfying(versions, searchParams.get('range') ?? '*'),
    next: semver.inc(versions[0] ?? '0.0.0', 'prerelease', 'rc'),
    coerced: semver.coerce('v3.4 of it')?.version,
    invalid: semver.valid('1.2'),
  })
}
