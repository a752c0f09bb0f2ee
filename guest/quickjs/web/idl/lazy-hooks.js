// What eager modules must know about objects of lazy modules (guest/quickjs/web/idl/lazy.c). A lazy
// module registers itself when it is loaded; before that no such object exists.

/** The entries of a FormData; undefined for anything else. */
export let formEntries = () => undefined

export function registerFormData(entriesOf) {
  formEntries = entriesOf
}

export let isCryptoKey = () => false
export let cloneCryptoKey
/** How a log shows a CryptoKey; undefined for anything else. */
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
/** How a MessagePort is transferred; undefined for anything else. */
export let portTransfer = () => undefined

export function registerPorts(isOne, transferOf) {
  isPort = isOne
  portTransfer = transferOf
}
