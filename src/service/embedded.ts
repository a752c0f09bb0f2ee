/** The two native programs that travel inside the executable. In a source tree they are those that the build made. */
import functionsLauncher from '../../.build/bin/functions-launcher' with { type: 'file' }
import quickjsWorker from '../../.build/bin/quickjs-worker' with { type: 'file' }

export const EMBEDDED: Readonly<Record<'quickjs-worker' | 'functions-launcher', string>> = {
  'quickjs-worker': quickjsWorker,
  'functions-launcher': functionsLauncher,
}
