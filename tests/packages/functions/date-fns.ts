import { addBusinessDays, formatISO, intervalToDuration, parseISO } from 'date-fns'

export default (req: Request): Response => {
  const from = parseISO(new URL(req.url).searchParams.get('from') ?? '')
  const due = addBusinessDays(from, 10)
  return Response.json({
    due: formatISO(due, { representation: 'date' }),
    waits: intervalToDuration({ start: from, end: due }),
  })
}
