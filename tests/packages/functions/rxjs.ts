import {
  bufferCount,
  concatMap,
  delay,
  filter,
  from,
  interval,
  lastValueFrom,
  map,
  merge,
  of,
  take,
  toArray,
} from 'rxjs'

export default async (): Promise<Response> => {
  const squares = from([1, 2, 3, 4, 5, 6]).pipe(
    filter((n) => n % 2 === 0),
    map((n) => n * n),
  )
  const timed = interval(2).pipe(take(4), bufferCount(2))
  const late = from(['a', 'b']).pipe(concatMap((letter) => of(letter).pipe(delay(3))))
  const all = await lastValueFrom(merge(squares, timed, late).pipe(toArray()))
  return Response.json({ squares: all.slice(0, 3), rest: all.slice(3).map(String).sort() })
}
