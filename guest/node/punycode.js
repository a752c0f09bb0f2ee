export * from '@jspm/core/nodelibs/punycode'
export { default } from '@jspm/core/nodelibs/punycode'
