// CryptoKey: https://w3c.github.io/webcrypto/#cryptokey-interface

import { rsaBits, rsaNumbers } from 'fn:crypto'
import { defineInterface, isObject } from '../idl/idl.js'
import { registerCryptoKey } from '../idl/lazy-hooks.js'
import { primordialGlobals } from '../idl/primordials.js'
import { fail, usageNames } from './crypto-idl.js'

const { TypeError, Uint8Array } = primordialGlobals
const token = {}

/** The state of a key that scripts cannot reach. */
export let slotsOf
export let isCryptoKey

export class CryptoKey {
  #slots

  constructor() {
    if (arguments[0] !== token) throw new TypeError('Illegal constructor')
    this.#slots = arguments[1]
  }

  static {
    slotsOf = (key) => key.#slots
    isCryptoKey = (value) => isObject(value) && #slots in value
  }

  get type() {
    return this.#slots.type
  }
  get extractable() {
    return this.#slots.extractable
  }
  get algorithm() {
    const slots = this.#slots
    if (slots.algorithmObject === undefined) slots.algorithmObject = describe(slots)
    return slots.algorithmObject
  }
  get usages() {
    const slots = this.#slots
    if (slots.usagesObject === undefined) slots.usagesObject = usageNames(slots.usages)
    return slots.usagesObject
  }
}

/** The KeyAlgorithm that scripts see, a copy: writing to it does not change the key. */
function describe({ name, hash, length, namedCurve, material, rsa }) {
  if (rsa) {
    const publicExponent = new Uint8Array(rsaNumbers(material)[1])
    return { name, modulusLength: rsaBits(material), publicExponent, hash: { name: hash } }
  }
  if (namedCurve !== undefined) return { name, namedCurve }
  if (hash !== undefined) return { name, hash: { name: hash }, length }
  return length === undefined ? { name } : { name, length }
}

/**
 * A key with `material` of fn:crypto.
 *
 * @param algorithm its name and parameters: hash, length (bits), namedCurve, rsa
 */
export function makeKey(type, extractable, usages, material, algorithm) {
  const { name, hash, length, namedCurve, rsa } = algorithm
  return new CryptoKey(token, {
    __proto__: null,
    type,
    extractable,
    usages,
    material,
    name,
    hash,
    length,
    namedCurve,
    rsa,
    algorithmObject: undefined,
    usagesObject: undefined,
  })
}

/** The slots of a key, which must have this type. */
export function needType(key, type) {
  const slots = slotsOf(key)
  if (slots.type !== type) throw fail('InvalidAccessError', `the key is not a ${type} key`)
  return slots
}

/** Another object for the same key: the material never changes, so both share it. */
function cloneKey(key) {
  const { type, extractable, usages, material, name, hash, length, namedCurve, rsa } = slotsOf(key)
  const algorithm = { __proto__: null, name, hash, length, namedCurve, rsa }
  return makeKey(type, extractable, usages, material, algorithm)
}

/**
 * The parts of a key for node:crypto, whose KeyObject shares its material; undefined for anything
 * but a key.
 */
export function partsOf(value) {
  if (!isCryptoKey(value)) return undefined
  const { type, material, name, namedCurve } = slotsOf(value)
  return { __proto__: null, type, material, name, namedCurve }
}

function view(value) {
  if (!isCryptoKey(value)) return undefined
  const slots = slotsOf(value)
  const { type, extractable } = slots
  const usages = usageNames(slots.usages)
  return { __proto__: null, type, extractable, algorithm: describe(slots), usages }
}

defineInterface(CryptoKey, { global: false })
registerCryptoKey(isCryptoKey, cloneKey, view)
