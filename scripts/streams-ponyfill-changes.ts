/** What scripts/streams-ponyfill.ts changes in web-streams-polyfill 4.3.0, exact text for exact text. */

type Change = readonly [name: string, search: string, replacement: string]
type Pattern = readonly [name: string, pattern: RegExp, replacement: string, expected: number]

/** Names in front of the ponyfill's own: none of its short ones is among them. */
const PRELUDE = `import {
  abortReason, addAbortAlgorithm, ArrayBuffer, Boolean, bothSettled, cloneChunk, copyBytes,
  DataView, elementSize, hasSlot, isAborted, isDetached, isSignal, isView, makeAsyncIterator, markHandled, minOf,
  newList, Number, Object, ownChunk, promiseNew, promiseRejectedWith, promiseResolvedWith,
  promiseThen, promiseUpon, Queue, queueMicrotask, RangeError, ReflectApply, removeAbortAlgorithm,
  signalAbort, signalOf, String, Symbol, transferBuffer, truncate, TypeError, Uint8Array,
  viewBuffer, viewByteLength, viewByteOffset, viewConstructorOf, viewLength,
} from './streams-builtins.js'
`

/** Promises: never by way of \`then\`, \`constructor\` or a species that scripts see. */
const PROMISES: Change[] = [
  [
    'promise functions',
    'const n=Promise,i=Promise.resolve.bind(n),a=Promise.prototype.then,s=Promise.reject.bind(n),l=i;',
    'const l=promiseResolvedWith;',
  ],
  ['new promise', 'function u(e){return new n(e)}', 'const u=promiseNew;'],
  ['resolved with', 'function c(e){return u(t=>t(e))}', 'const c=promiseResolvedWith;'],
  ['rejected with', 'function d(e){return s(e)}', 'const d=promiseRejectedWith;'],
  ['then', 'function f(e,t,r){return a.call(e,t,r)}', 'const f=promiseThen;'],
  ['upon', 'function h(e,t,o){f(f(e,t,o),void 0,r)}', 'const h=promiseUpon;'],
  ['transform', 'function m(e,t,r){return f(e,t,r)}', 'const m=promiseThen;'],
  ['set handled', 'function p(e){f(e,void 0,r)}', 'const p=markHandled;'],
  [
    'microtask',
    'let y=e=>{if("function"==typeof queueMicrotask)y=queueMicrotask;else{const e=c(void 0);y=t=>f(e,t)}return y(e)};',
    'const y=queueMicrotask;',
  ],
  ['call', 'return Function.prototype.apply.call(e,t,r)', 'return ReflectApply(e,t,r)'],
  [
    'iterator next',
    'return Promise.resolve({value:void 0,done:!0});const e=this._reader',
    'return c({value:void 0,done:!0});const e=this._reader',
  ],
  ['iterator return', 'return Promise.resolve({value:e,done:!0});', 'return c({value:e,done:!0});'],
]

/** Lists: a setter on Array.prototype sees none of them. */
const LISTS: Change[] = [
  [
    'queue',
    'class v{constructor(){this._cursor=0,this._size=0,this._front={_elements:[],_next:void 0},this._back=this._front,this._cursor=0,this._size=0}get length(){return this._size}push(e){const t=this._back;let r=t;16383===t._elements.length&&(r={_elements:[],_next:void 0}),t._elements.push(e),r!==t&&(this._back=r,t._next=r),++this._size}shift(){const e=this._front;let t=e;const r=this._cursor;let o=r+1;const n=e._elements,i=n[r];return 16384===o&&(t=e._next,o=0),--this._size,this._cursor=o,e!==t&&(this._front=t),n[r]=void 0,i}forEach(e){let t=this._cursor,r=this._front,o=r._elements;for(;!(t===o.length&&void 0===r._next||t===o.length&&(r=r._next,o=r._elements,t=0,0===o.length));)e(o[t]),++t}peek(){const e=this._front,t=this._cursor;return e._elements[t]}}',
    'const v=Queue;',
  ],
  ['list copy', 'function le(e){return e.slice()}', 'function le(e){return e}'],
  ['filled pull-intos', 'function Qe(e){const t=[];', 'function Qe(e){const t=newList();'],
  ['filled pull-into', '(He(e),t.push(r))}return t}', '(He(e),t[t.length]=r)}return t}'],
  [
    'closed pull-intos',
    'const t=[];for(;t.length<lt(r);)t.push(He(e));ze(r,t)',
    'const t=newList();for(;t.length<lt(r);)t[t.length]=He(e);ze(r,t)',
  ],
]

/** Buffers and views: their getters, not what a script put before them. */
const BUFFERS: Change[] = [
  [
    'copy',
    'function ue(e,t,r,o,n){new Uint8Array(e).set(new Uint8Array(r,o,n),t)}',
    'const ue=copyBytes;',
  ],
  [
    'transfer and detached',
    'let ce=e=>(ce="function"==typeof e.transfer?e=>e.transfer():"function"==typeof structuredClone?e=>structuredClone(e,{transfer:[e]}):e=>e,ce(e)),de=e=>(de="boolean"==typeof e.detached?e=>e.detached:e=>0===e.byteLength,de(e));function fe(e,t,r){if(e.slice)return e.slice(t,r);',
    'const ce=transferBuffer,de=isDetached;function fe(e,t,r){',
  ],
  [
    'clone of a view',
    'fe(e.buffer,e.byteOffset,e.byteOffset+e.byteLength);return new Uint8Array(t)',
    'fe(viewBuffer(e),viewByteOffset(e),viewByteOffset(e)+viewByteLength(e));return new Uint8Array(t)',
  ],
  ['element size', 'function We(e){return Ee(e)?1:e.BYTES_PER_ELEMENT}', 'const We=elementSize;'],
  ['respond', 'if(de(this._view.buffer))', 'if(de(viewBuffer(this._view)))'],
  [
    'respond with a view',
    'if(de(e.buffer))throw new TypeError("The given',
    'if(de(viewBuffer(e)))throw new TypeError("The given',
  ],
  [
    'enqueue',
    'if(0===e.byteLength)throw new TypeError("chunk must have non-zero byteLength");if(0===e.buffer.byteLength)',
    'if(0===viewByteLength(e))throw new TypeError("chunk must have non-zero byteLength");if(0===viewByteLength(new Uint8Array(viewBuffer(e))))',
  ],
  ['clamp', 'const r=Math.min(e._queueTotalSize,', 'const r=minOf(e._queueTotalSize,'],
  ['clamp again', 'o=Math.min(n,r.byteLength)', 'o=minOf(n,r.byteLength)'],
  [
    'enqueued view',
    'const{buffer:o,byteOffset:n,byteLength:i}=t;',
    'const o=viewBuffer(t),n=viewByteOffset(t),i=viewByteLength(t);',
  ],
  [
    'closed view',
    'if(0!==t.byteLength)throw new TypeError("The view',
    'if(0!==viewByteLength(t))throw new TypeError("The view',
  ],
  [
    'empty view',
    'else if(0===t.byteLength)throw new TypeError("The view',
    'else if(0===viewByteLength(t))throw new TypeError("The view',
  ],
  [
    'region of a view',
    'if(r.byteOffset+r.bytesFilled!==t.byteOffset)',
    'if(r.byteOffset+r.bytesFilled!==viewByteOffset(t))',
  ],
  [
    'capacity of a view',
    'if(r.bufferByteLength!==t.buffer.byteLength)',
    'if(r.bufferByteLength!==viewByteLength(new Uint8Array(viewBuffer(t))))',
  ],
  [
    'size of a view',
    'if(r.bytesFilled+t.byteLength>r.byteLength)throw new RangeError("The region specified by view is larger than byobRequest");const o=t.byteLength;r.buffer=ce(t.buffer)',
    'if(r.bytesFilled+viewByteLength(t)>r.byteLength)throw new RangeError("The region specified by view is larger than byobRequest");const o=viewByteLength(t);r.buffer=ce(viewBuffer(t))',
  ],
  [
    'read into',
    'if(0===e.byteLength)return d(new TypeError("view must have non-zero byteLength"));if(0===e.buffer.byteLength)return d(new TypeError("view\'s buffer must have non-zero byteLength"));if(de(e.buffer))',
    'if(0===viewByteLength(e))return d(new TypeError("view must have non-zero byteLength"));if(0===viewByteLength(new Uint8Array(viewBuffer(e))))return d(new TypeError("view\'s buffer must have non-zero byteLength"));if(de(viewBuffer(e)))',
  ],
  [
    'min of a view',
    'if(function(e){return Ee(e.constructor)}(e)){if(o>e.byteLength)',
    'if(Ee(viewConstructorOf(e))){if(o>viewByteLength(e))',
  ],
  ['min of an array', 'else if(o>e.length)return', 'else if(o>viewLength(e))return'],
  [
    'sync read into',
    'n=We(t.constructor),{byteLength:i}=t,a=r*n;',
    'n=We(viewConstructorOf(t)),a=r*n;',
  ],
  [
    'pull into',
    'i=t.constructor,a=We(i),{byteOffset:s,byteLength:l}=t,u=r*a;let c;try{c=ce(t.buffer)}',
    'i=viewConstructorOf(t),a=We(i),s=viewByteOffset(t),l=viewByteLength(t),u=r*a;let c;try{c=ce(viewBuffer(t))}',
  ],
  [
    'capacity of a pull-into',
    'bufferByteLength:c.byteLength,',
    'bufferByteLength:viewByteLength(new Uint8Array(c)),',
  ],
]

/** Abort signals: by their algorithms, and made when somebody looks. */
const SIGNALS: Change[] = [
  [
    'controller',
    't._abortController=function(){if("function"==typeof AbortController)return new AbortController}(),',
    't._signal=void 0,t._aborted=!1,',
  ],
  [
    'abort',
    'null===(r=e._writableStreamController._abortController)||void 0===r||r.abort(t);',
    'signalAbort(e._writableStreamController,t);',
  ],
  [
    'signal',
    'if(void 0===this._abortController)throw new TypeError("WritableStreamDefaultController.prototype.signal is not supported");return this._abortController.signal',
    'return signalOf(this)',
  ],
  [
    'no abortReason',
    'get abortReason(){if(!Qt(this))throw Zt("abortReason");return this._abortReason}',
    '',
  ],
  ['no abortReason member', '{abortReason:{enumerable:!0},signal:', '{signal:'],
  [
    'pipe aborted',
    'const r=void 0!==i.reason?i.reason:new fr("Aborted","AbortError"),a=[];o||a.push(()=>"writable"===t._state?Wt(t,r):c(void 0)),n||a.push(()=>"readable"===e._state?Mr(e,r):c(void 0)),T(()=>Promise.all(a.map(e=>e())),!0,r)},i.aborted)return void S();i.addEventListener("abort",S)',
    'const r=abortReason(i);T(()=>bothSettled(o||"writable"!==t._state?void 0:Wt(t,r),n||"readable"!==e._state?void 0:Mr(e,r)),!0,r)},isAborted(i))return void S();addAbortAlgorithm(i,S)',
  ],
  [
    'pipe over',
    'void 0!==i&&i.removeEventListener("abort",S)',
    'void 0!==i&&removeAbortAlgorithm(i,S)',
  ],
  [
    'is a signal',
    'if(!function(e){if("object"!=typeof e||null===e)return!1;try{return"boolean"==typeof e.aborted}catch(e){return!1}}(e))',
    'if(!isSignal(e))',
  ],
]

/** The type `owning` of a readable stream: its chunks are cloned and transferred into it. */
const OWNING: Change[] = [
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the text of a template
  ['type', 'if("bytes"!==(e=`${e}`))', 'if("bytes"!==(e=`${e}`)&&"owning"!==e)'],
  [
    'owning controller',
    'const n=Object.create(ReadableStreamDefaultController.prototype);let i,a,s;',
    'const n=Object.create(ReadableStreamDefaultController.prototype);n._owning="owning"===t.type;let i,a,s;',
  ],
  [
    'owned chunk',
    'enqueue(e=void 0){if(!yr(this))throw Er("enqueue");if(!Cr(this))throw new TypeError("The stream is not in a state that permits enqueue");return Rr(this,e)}',
    'enqueue(e=void 0,t=void 0){if(!yr(this))throw Er("enqueue");const r=ownChunk(this,e,t);if(!Cr(this))throw new TypeError("The stream is not in a state that permits enqueue");return Rr(this,r)}',
  ],
  [
    'tee of owned chunks',
    ':function(e){const t=V(e);let r,o,n,i,a,s=!1',
    ':function(e,cloned){const t=V(e),origin=e;let r,o,n,i,a,s=!1',
  ],
  [
    'clone of an owned chunk',
    'const t=e,r=e;d||Rr(n._readableStreamController,t)',
    'const t=e;let r=e;if(cloned&&!f)try{r=cloneChunk(e)}catch(e){return Tr(n._readableStreamController,e),Tr(i._readableStreamController,e),void a(Mr(origin,e))}d||Rr(n._readableStreamController,t)',
  ],
  [
    'tee clones',
    'd&&f||a(void 0),null)),[n,i]}(e)}',
    'd&&f||a(void 0),null)),[n,i]}(e,t||e._readableStreamController._owning)}',
  ],
]

const REST: Change[] = [
  [
    'step names',
    'const w=Symbol("[[AbortSteps]]"),R=Symbol("[[ErrorSteps]]"),T=Symbol("[[CancelSteps]]"),P=Symbol("[[PullSteps]]"),C=Symbol("[[CanPullSyncSteps]]"),q=Symbol("[[ReleaseSteps]]");',
    '',
  ],
  // A write may not run inside of the enqueue that it takes its chunk from.
  [
    'piped chunk',
    '_chunkSteps(t){this._state._currentWrite=f(Yt(this._state._writer,t),void 0,e),this._resolvePromise(!1)}',
    '_chunkSteps(t){y(()=>{void 0!==this._state._writer._ownerWritableStream&&(this._state._currentWrite=f(Yt(this._state._writer,t),void 0,e)),this._resolvePromise(!1)})}',
  ],
  [
    'exports',
    'export{ByteLengthQueuingStrategy',
    'export{V as acquireReader,Wr as splitReadable,te as readWithSteps,uo as enqueueTransformed,ByteLengthQueuingStrategy',
  ],
  ['prelude', 'function e(){}function t(e)', `${PRELUDE}function e(){}function t(e)`],
  ['trunc', 'F=Math.trunc||function(e){return e<0?Math.ceil(e):Math.floor(e)}', 'F=truncate'],
  [
    'asyncIterator',
    'const _e=null!==(se=null!==(ie=Symbol.asyncIterator)&&void 0!==ie?ie:null===(ae=Symbol.for)||void 0===ae?void 0:ae.call(Symbol,"Symbol.asyncIterator"))&&void 0!==se?se:"@@asyncIterator";',
    'const _e=Symbol.asyncIterator;',
  ],
  [
    'iterator brand',
    'if(!Object.prototype.hasOwnProperty.call(e,"_asyncIteratorImpl"))return!1;try{return e._asyncIteratorImpl instanceof ye}catch(e){return!1}',
    'return hasSlot(e,"_asyncIteratorImpl")',
  ],
  [
    'globals',
    'const dr="undefined"!=typeof globalThis?globalThis:"undefined"!=typeof self?self:"undefined"!=typeof global?global:void 0;const fr=function(){const e=null==dr?void 0:dr.DOMException;return function(e){if("function"!=typeof e&&"object"!=typeof e)return!1;if("DOMException"!==e.name)return!1;try{return new e,!0}catch(e){return!1}}(e)?e:void 0}()||function(){const e=function(e,t){this.message=e||"",this.name=t||"Error",Error.captureStackTrace&&Error.captureStackTrace(this,this.constructor)};return o(e,"DOMException"),e.prototype=Object.create(Error.prototype),Object.defineProperty(e.prototype,"constructor",{value:e,writable:!0,configurable:!0}),e}();',
    '',
  ],
  ['async iterator', ',[_e](){return this}};', '};'],
  [
    'async iterator prototype',
    'Object.defineProperty(ge,_e,{enumerable:!1});',
    'makeAsyncIterator(ge);',
  ],
  // The standard knows no such short cut: a stream is an async iterable.
  [
    'from',
    'return t(o=r)&&void 0!==o.getReader?function(r){let o;function n(){let e;try{e=r.read()}catch(e){return d(e)}return m(e,e=>{if(!t(e))throw new TypeError("The promise returned by the reader.read() method must fulfill with an object");if(e.done)wr(o._readableStreamController);else{const t=e.value;Rr(o._readableStreamController,t)}})}function i(e){try{return c(r.cancel(e))}catch(e){return d(e)}}return o=Dr(e,n,i,0),o}(r.getReader()):function(r){',
    'return function(r){',
  ],
]

export const CHANGES: Change[] = [...PROMISES, ...LISTS, ...BUFFERS, ...SIGNALS, ...OWNING, ...REST]

export const PATTERNS: Pattern[] = [
  [
    'brands',
    /Object\.prototype\.hasOwnProperty\.call\(e,("_\w+")\)&&e instanceof \w+/g,
    'hasSlot(e,$1)',
    13,
  ],
  // Methods that no script can name: see JS_READ_OBJ_SLOTS in guest/quickjs/patches.
  ['step methods', /([{}])\[([wRTPCq])\]\(/g, '$1_steps_$2(', 10],
  ['step calls', /Controller\[([wRTPCq])\]\(/g, 'Controller._steps_$1(', 6],
  ['isView', /ArrayBuffer\.isView\(/g, 'isView(', 3],
  // What is left out is undefined: a member of Object.prototype is none of an argument's.
  ['arguments', /([(,][etr])=\{\}/g, '$1=void 0', 10],
]
