export * from '@jspm/core/nodelibs/querystring'
export { default } from '@jspm/core/nodelibs/querystring'
