import dayjs from 'dayjs'
import duration from 'dayjs/plugin/duration'
import relativeTime from 'dayjs/plugin/relativeTime'
import utc from 'dayjs/plugin/utc'

dayjs.extend(utc)
dayjs.extend(duration)
dayjs.extend(relativeTime)

export default (req: Request): Response => {
  const from = dayjs.utc(new URL(req.url).searchParams.get('from') ?? '')
  return Response.json({
    end: from.add(1, 'month').endOf('month').format('YYYY-MM-DD HH:mm'),
    weekday: from.format('dddd'),
    ago: from.from(from.add(3, 'day')),
    valid: dayjs('no date').isValid(),
    duration: dayjs.duration(90, 'minutes').format('H[h] m[m]'),
  })
}
