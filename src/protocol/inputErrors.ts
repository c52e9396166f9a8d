import { type ErrorRow, exits, input } from './errorRow.ts'

/** Errors of what comes in: typed words, wire, profiles. */
export const inputErrors = {
  // What a person types, or a wire carries
  'input/amount': input(
    'The amount is not a positive sum of ether.',
    'Write 0.05, 50gwei or 7wei.',
  ),
  'input/energy': input(
    'The energy is not a whole, positive number of Wh.',
    'Write 1500 or 1.5kWh; at most 4,294,967,295 Wh.',
  ),
  'input/duration': input('The duration is not understood.', 'Write 90s, 15m, 2h or 1d.'),
  'input/time': input(
    'The time is not understood.',
    'Write 2035-12-31, 2035-12-31T12:00Z, or a span from now: 365d.',
  ),
  'input/address': input(
    'This is not an Ethereum address.',
    'Give 0x and 40 hexadecimal digits, or the name of one of your accounts.',
  ),
  'input/hex': input(
    'A field is not hexadecimal of the right length.',
    'Give 0x and an even number of hexadecimal digits.',
  ),
  'input/number': input(
    'A field is not a whole number in its range.',
    'See the field’s range in docs/protocol.md.',
  ),
  'input/shape': input(
    'The message does not have the expected fields.',
    'See its shape in docs/protocol.md.',
  ),
  'input/too-large': {
    http: 413,
    exit: exits.input,
    message: 'The input is larger than allowed.',
    hint: 'See docs/limits.md.',
  },
  'input/media-type': {
    http: 415,
    exit: exits.input,
    message: 'The request’s body is not JSON.',
    hint: 'Send it with content-type: application/json.',
  },
  'input/too-slow': {
    http: 408,
    exit: exits.input,
    message: 'The request took too long to arrive.',
    hint: 'Send it at once; see docs/limits.md.',
  },
  'input/option': input(
    'An option or argument is missing or not understood.',
    'Add --help to see what the command takes.',
  ),

  'input/name': input(
    'The name is not allowed.',
    'Use letters, digits, - and _, at most 32 of them, a letter or digit first.',
  ),
  'input/password': input(
    'A password is needed.',
    'Type it at a terminal, or give --password-file FILE or SPB_PASSWORD.',
  ),

  // Profiles
  'profile/no-files': input(
    'There are no profiles.',
    'A folder needs hh_*.csv and may have pv_*_pu.csv.',
  ),
  'profile/no-column': input('A column is missing.', 'Name columns as the file’s first line does.'),
  'profile/irregular-step': input(
    'The times have no regular step.',
    'Rows must be a fixed time apart.',
  ),
  'profile/no-rows': input('The file has no usable row.', 'See the reasons in skippedRows.'),
  'profile/no-overlap': input(
    'The profiles have no time in common.',
    'Choose files of the same days.',
  ),
  'profile/households-file': input(
    'The households file is not understood.',
    'See its format in docs/profiles.md.',
  ),
  'profile/unit': input('The unit is not known.', 'Use W, kW, Wh, kWh or pu.'),
  'profile/time': input(
    'A time has no zone.',
    'Use unix seconds, ISO 8601 with a zone, or declare "zone".',
  ),
} as const satisfies Record<string, ErrorRow>
