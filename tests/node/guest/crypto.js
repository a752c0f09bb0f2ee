// What Node's tests require as `../common/crypto`: what the tests of a recent OpenSSL may expect.

module.exports = {
  hasOpenSSL: () => true,
  hasOpenSSL3: true,
  hasOpenSSLCli: false,
  hasFipsCrypto: false,
}
