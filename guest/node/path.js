export * from '@jspm/core/nodelibs/path'
export { default } from '@jspm/core/nodelibs/path'
