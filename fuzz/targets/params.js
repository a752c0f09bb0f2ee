// URLSearchParams: every operation behaves as on a plain list of pairs.
const decoder = new TextDecoder()
const OPERATIONS = ['append', 'set', 'delete', 'deleteValue', 'sort', 'write', 'copy', 'iterate']

export default (bytes) => {
  const [query = '', ...words] = decoder.decode(bytes).split('\0')
  let params = new URLSearchParams(query)
  let list = [...params]
  for (let i = 0; i + 2 < words.length; i += 3) {
    const [what, name, value] = words.slice(i, i + 3)
    const operation = OPERATIONS[(what.codePointAt(0) ?? 0) % OPERATIONS.length]
    ;({ params, list } = apply[operation](params, list, name, value))
    check(operation, params, list, name, value)
  }
}

const apply = {
  append(params, list, name, value) {
    params.append(name, value)
    return { params, list: [...list, [name, value]] }
  },
  set(params, list, name, value) {
    params.set(name, value)
    const first = list.findIndex(([key]) => key === name)
    if (first < 0) return { params, list: [...list, [name, value]] }
    const kept = list.filter(([key], i) => key !== name || i === first)
    return { params, list: kept.map((pair) => (pair[0] === name ? [name, value] : pair)) }
  },
  delete(params, list, name) {
    params.delete(name)
    return { params, list: list.filter(([key]) => key !== name) }
  },
  deleteValue(params, list, name, value) {
    params.delete(name, value)
    return { params, list: list.filter(([key, its]) => key !== name || its !== value) }
  },
  sort(params, list) {
    params.sort()
    // By code units and stable, like the comparison of strings and Array.prototype.sort.
    return { params, list: list.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)) }
  },
  write: (params, list) => ({ params: new URLSearchParams(`?${params}`), list }),
  copy: (_params, list) => ({ params: new URLSearchParams(list), list }),
  iterate(params, list, name, value) {
    // Changed during iteration: https://url.spec.whatwg.org/#interface-urlsearchparams
    for (const [key] of params) {
      params.delete(key)
      if (key === name) params.append(value, name)
      if (params.size > list.length) break
    }
    return { params, list: [...params] }
  },
}

function check(operation, params, list, name, value) {
  const said = JSON.stringify([...params])
  if (said !== JSON.stringify(list))
    throw new Error(`${operation}: ${said}, not ${JSON.stringify(list)}`)
  if (params.size !== list.length) throw new Error('size')
  const all = list.filter(([key]) => key === name).map(([, its]) => its)
  if (JSON.stringify(params.getAll(name)) !== JSON.stringify(all)) throw new Error('getAll')
  if (params.get(name) !== (all[0] ?? null) || params.has(name) !== all.length > 0)
    throw new Error('get')
  if (params.has(name, value) !== all.includes(value)) throw new Error('has')
  const url = new URL('http://a/')
  url.search = params
  if (`${url.searchParams}` !== `${params}`) throw new Error(`search ${url.search}`)
}
