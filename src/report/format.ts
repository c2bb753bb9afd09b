// Numbers as a reader wants them. It knows nothing of where they are shown.
import { percent as shareInPercent } from '../words/numbers.ts';

const MINUS = '\u2212';
const superscripts = '⁰¹²³⁴⁵⁶⁷⁸⁹';

/** What stands where there is no number. */
export const NONE = '–';

/** "1,234.50", with a true minus sign. */
export function fixed(value: number, decimals: number): string {
  if (!Number.isFinite(value)) return NONE;
  const [whole, rest] = Math.abs(value).toFixed(Math.min(decimals, 20)).split('.') as [string, string?];
  const text = whole.replace(/\B(?=(\d{3})+$)/g, ',') + (rest === undefined ? '' : `.${rest}`);
  return value < 0 && /[1-9]/.test(text) ? MINUS + text : text;
}

/** "4×10⁻⁴", with `digits` significant digits, trailing zeros dropped. */
export function scientific(value: number, digits = 3): string {
  if (!Number.isFinite(value)) return NONE;
  const [mantissa, exponent] = value.toExponential(digits - 1).split('e') as [string, string];
  const short = mantissa.includes('.') ? mantissa.replace(/\.?0+$/, '') : mantissa;
  const power = (exponent.startsWith('-') ? '⁻' : '') + exponent.replace(/\D/g, '').replace(/\d/g, raise);
  return `${short.replace('-', MINUS)}×10${power}`;
}
const raise = (digit: string): string => superscripts[Number(digit)]!;

/** A number of unknown size with about `digits` significant digits; whole numbers stay whole. */
export function plainNumber(value: number | null | undefined, digits = 3): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return NONE;
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e9) return fixed(value, 0);
  if (size >= 1e6 || size < 1e-3) return scientific(value, digits);
  return fixed(value, Math.max(0, digits - 1 - Math.floor(Math.log10(size))));
}

/** A share from 0 to 1 as "85.2%". */
export const percent = (share: number, decimals = 1): string => shareInPercent(share, decimals, NONE);

/** A difference of shares as "+53.7". */
export const points = (share: number, decimals = 1): string =>
  (share * 100 >= 0.5 * 10 ** -decimals ? '+' : '') + fixed(share * 100, decimals);

/** A probability given as its log in nats: three decimals, more where it is near 0 or 1. */
export function probability(logProb: number | null | undefined): string {
  if (logProb === null || logProb === undefined || !Number.isFinite(logProb)) return NONE;
  const p = Math.exp(logProb);
  if (p < 0.001) return scientific(p, 2);
  if (p >= 0.9995) return p >= 0.99995 ? '1.0000' : fixed(p, 4);
  return fixed(p, 3);
}

/** A ratio of probabilities given as its log in nats: "4.21", "0.033", "1.2×10⁵". */
export function ratio(logRatio: number | null): string {
  if (logRatio === null) return NONE;
  const value = Math.exp(logRatio);
  return value >= 1e4 || value < 1e-3 ? scientific(value, 2) : plainNumber(value);
}

/** "7.2 s", "3 min 05 s", "2 h 10 min". */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return NONE;
  if (seconds < 59.95) return `${fixed(seconds, seconds < 9.95 ? 1 : 0)} s`;
  const whole = Math.round(seconds);
  const two = (value: number): string => String(value).padStart(2, '0');
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  const minutes = Math.round(whole / 60);
  return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
}
