export * from '@jspm/core/nodelibs/stream'
export { default } from '@jspm/core/nodelibs/stream'
