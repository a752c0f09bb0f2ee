const PROXY_VARIABLE = /^(?:https?|all|no)_proxy$/i

/**
 * Removes the proxy variables that Bun's `fetch` obeys: a proxy would connect to addresses that
 * were not checked.
 */
export function removeProxyVariables(env: Record<string, string | undefined>): void {
  for (const name of Object.keys(env)) if (PROXY_VARIABLE.test(name)) delete env[name]
}
