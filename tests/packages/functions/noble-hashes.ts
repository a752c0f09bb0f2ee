import { blake3 } from '@noble/hashes/blake3.js'
import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'

export default async (req: Request): Promise<Response> => {
  const bytes = new Uint8Array(await req.arrayBuffer())
  return Response.json({
    sha256: bytesToHex(sha256(bytes)),
    keccak256: bytesToHex(keccak_256(bytes)),
    blake3: bytesToHex(blake3(bytes)),
    hmac: bytesToHex(hmac(sha256, utf8ToBytes('key'), bytes)),
  })
}
