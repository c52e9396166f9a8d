const minute = 60
const hour = 60 * minute
const day = 24 * hour

/** A span for a person's eyes, in its largest fitting unit: `45 s`, `14 min`, `2 h`, `3 d`. */
export function formatSpan(spanSeconds: number): string {
  const span = Math.abs(Math.round(spanSeconds))
  if (span < 2 * minute) return `${span} s`
  const minutes = Math.round(span / minute)
  // `2 h`, not `120 min`, where a span was given in whole hours.
  if (minutes < 120) return `${minutes} min`
  if (span < 2 * day) return `${Math.round(span / hour)} h`
  return `${Math.round(span / day)} d`
}

const twoDigits = (value: number): string => String(value).padStart(2, '0')

/**
 * A time for a person's eyes: local, with its date where that is not today's, and how far away it
 * is: `14:05:10 (in 14 min)`.
 */
export function formatTime(timeSeconds: number, nowMs: number): string {
  const time = new Date(timeSeconds * 1000)
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()].map(twoDigits).join(':')
  const date = [time.getFullYear(), time.getMonth() + 1, time.getDate()].map(twoDigits).join('-')
  const isToday = time.toDateString() === new Date(nowMs).toDateString()
  return `${isToday ? '' : `${date} `}${clock} (${formatDistance(timeSeconds, nowMs)})`
}

function formatDistance(timeSeconds: number, nowMs: number): string {
  const distance = timeSeconds - Math.floor(nowMs / 1000)
  if (distance === 0) return 'now'
  return distance > 0 ? `in ${formatSpan(distance)}` : `${formatSpan(distance)} ago`
}
