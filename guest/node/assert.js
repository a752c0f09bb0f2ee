export * from '@jspm/core/nodelibs/assert'
export { default } from '@jspm/core/nodelibs/assert'
