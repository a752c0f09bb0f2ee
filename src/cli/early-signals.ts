/**
 * Imported before every other module. Evaluating those takes most of the start of a service, and
 * until a handler is set the kernel ends a process that gets SIGHUP. The service reads its settings
 * later, so there is nothing else to do for this signal; `runService` adds the handler that reloads.
 * Other commands end by SIGHUP, as when their terminal is closed.
 */
const [first = 'serve'] = process.argv.slice(2)

if (first === 'serve' || first.startsWith('-')) process.on('SIGHUP', () => {})
