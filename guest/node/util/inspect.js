/** util.inspect and what formats with it: Node's own code, extracted by the package. */
import extracted from 'node-inspect-extracted'

export const { format, formatWithOptions, inspect, stripVTControlCharacters } = extracted
