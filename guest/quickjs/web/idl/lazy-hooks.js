// What eager modules have to know of the objects of lazy ones (guest/quickjs/web/idl/lazy.c), which fill it in
// when they are loaded: until then there are no such objects.

/** The entries of a FormData, undefined of anything else. */
export let formEntries = () => undefined

export function registerFormData(entriesOf) {
  formEntries = entriesOf
}

export let isCryptoKey = () => false
export let cloneCryptoKey
/** What a log shows of a CryptoKey, undefined of anything else. */
export let cryptoKeyView = () => undefined
export let isSubtleCrypto = () => false

export function registerCryptoKey(is, clone, view) {
  isCryptoKey = is
  cloneCryptoKey = clone
  cryptoKeyView = view
}

export function registerSubtleCrypto(is) {
  isSubtleCrypto = is
}

export let isPort = () => false
/** How a MessagePort is transferred, undefined of anything else. */
export let portTransfer = () => undefined

export function registerPorts(isOne, transferOf) {
  isPort = isOne
  portTransfer = transferOf
}
