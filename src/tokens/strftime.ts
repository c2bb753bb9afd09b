// Python's strftime, for chat templates that write a date. Knows the C locale and local time.

const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];
const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];

/** Python's strftime; a directive that it does not know stays as it is. */
export function formatTime(time: Date, format: string): string {
  const month = MONTHS[time.getMonth()] ?? '';
  const day = DAYS[time.getDay()] ?? '';
  const year = time.getFullYear();
  const hour12 = time.getHours() % 12 || 12;
  const daysBefore = Date.UTC(year, time.getMonth(), time.getDate()) - Date.UTC(year, 0, 1);
  // [value, width, padding] for numbers, text for names.
  const directives: Readonly<Record<string, string | readonly [number, number, string?]>> = {
    Y: [year, 4],
    y: [year % 100, 2],
    m: [time.getMonth() + 1, 2],
    d: [time.getDate(), 2],
    e: [time.getDate(), 2, ' '],
    j: [daysBefore / 86_400_000 + 1, 3],
    H: [time.getHours(), 2],
    I: [hour12, 2],
    M: [time.getMinutes(), 2],
    S: [time.getSeconds(), 2],
    B: month,
    b: month.slice(0, 3),
    A: day,
    a: day.slice(0, 3),
    p: time.getHours() < 12 ? 'AM' : 'PM',
    '%': '%',
  };
  return format.replace(/%(-?)([A-Za-z%])/g, (whole, bare: string, letter: string) => {
    const value = directives[letter];
    if (value === undefined) return whole;
    if (typeof value === 'string') return value;
    const [number, width, padding = '0'] = value;
    return bare ? String(number) : String(number).padStart(width, padding);
  });
}
