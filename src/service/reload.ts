/** SIGHUP: applies the settings that may change while the service runs. */
import type { LoadedConfig } from '../config/load.ts'
import { applyReloadable } from '../config/reload.ts'
import { FunctionError } from '../errors.ts'
import type { ServiceLog } from '../telemetry/service-log.ts'
import type { Components } from './compose.ts'
import { descriptorWarning } from './descriptor-limit.ts'
import { egressOptions } from './egress.ts'
import { gatewayLimits, maxWorkers, poolLimits, telemetryLimits } from './limits.ts'
import { readTlsFiles } from './tls-files.ts'

/**
 * Reads the configuration again and applies every reloadable setting that changed. It runs in one
 * turn, so no request sees a half of it. A configuration that is not valid changes nothing.
 *
 * Each setting that the schema marks as reloadable must take effect here: either its reader takes it
 * from `config`, which is changed in place, whenever it needs it, or `applySettings` passes it on.
 *
 * @param load reads the configuration again
 */
export function reloadSettings(components: Components, load: () => LoadedConfig): void {
  const { config, log } = components
  let loaded: LoadedConfig
  try {
    loaded = load()
  } catch (error) {
    refuse(log, error)
    return
  }
  for (const warning of loaded.warnings) log.warn(warning)
  const { applied, needRestart } = applyReloadable(config, loaded.config)
  if (applied.length > 0) applySettings(components)
  const file = loaded.file?.path
  const warning = applied.some((key) => key.startsWith('pool.'))
    ? descriptorWarning(config)
    : undefined
  if (warning !== undefined) log.warn(warning)
  renewCertificate(components)
  log.info('settings reloaded', { file, changed: applied.join(', ') || 'none' })
  if (needRestart.length === 0) return
  log.warn('settings that changed need a restart: the service keeps their old values', {
    file,
    settings: needRestart.join(', '),
  })
}

/** Gives the components new limits. Running requests and fetches keep those that they began with. */
export function applySettings({
  config,
  gateway,
  budget,
  router,
  egress,
  telemetry,
}: Components): void {
  gateway.configure(gatewayLimits(config))
  budget.resize(maxWorkers(config))
  router.configure(poolLimits(config))
  egress.configure(egressOptions(config))
  telemetry.configure(telemetryLimits(config))
}

/** The files may be new ones under their old names. */
function renewCertificate({ config, held, log }: Components): void {
  try {
    held.listener?.renew(readTlsFiles(config))
  } catch (error) {
    log.warn('the management API keeps its certificate', { reason: (error as Error).message })
  }
}

function refuse(log: ServiceLog, error: unknown): void {
  if (!(error instanceof FunctionError)) {
    log.error('internal error while reloading the settings', error)
    return
  }
  const { file, line } = error.position ?? {}
  const message = 'settings not reloaded: the configuration is not valid, and nothing was changed'
  log.warn(message, { reason: error.message, file, line })
}
