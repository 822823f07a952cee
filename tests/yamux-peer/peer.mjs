// SPDX-License-Identifier: Apache-2.0

// The other end of the interoperability test: @chainsafe/libp2p-yamux over the stdin and stdout of link_peer, in both roles.
// What each end does stands in link_peer.cc; this end does the same.
//
//   node peer.mjs PATH_OF_LINK_PEER

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { yamux } from '@chainsafe/libp2p-yamux'
import { defaultLogger } from '@libp2p/logger'
import { AbstractMultiaddrConnection } from '@libp2p/utils'

// What the library takes for granted and Debian's Node.js (18) does not have yet.
Promise.withResolvers ??= () => {
  const parts = {}
  parts.promise = new Promise((resolve, reject) => Object.assign(parts, { resolve, reject }))
  return parts
}
globalThis.CustomEvent ??= class extends Event {
  constructor (type, options) {
    super(type, options)
    this.detail = options?.detail ?? null
  }
}

const LARGE_BYTES = 32 * 1024 * 1024
const MANY_STREAMS = 300

// The byte stream below the muxer: a child process.
class ChildConnection extends AbstractMultiaddrConnection {
  constructor (child, direction) {
    super({ direction, log: defaultLogger().forComponent('yamux-peer') })
    this.child = child
    child.stdout.on('data', bytes => this.onData(bytes))
    child.stdout.on('end', () => this.onTransportClosed())
    child.stdin.on('drain', () => this.safeDispatchEvent('drain'))
    child.stdin.on('error', () => {}) // its exit code says more
  }

  sendData (data) {
    const sentBytes = data.byteLength
    const canSendMore = this.child.stdin.write(data.subarray())
    return { sentBytes, canSendMore }
  }

  sendReset () { this.child.stdin.destroy() }
  async sendClose () { this.child.stdin.end() }
  sendPause () { this.child.stdout.pause() }
  sendResume () { this.child.stdout.resume() }
}

async function send (stream, bytes) {
  if (!stream.send(bytes)) await stream.onDrain()
}

async function receive (stream) {
  const parts = []
  for await (const part of stream) parts.push(Buffer.from(part.subarray()))
  return Buffer.concat(parts)
}

// Resolves to whether the stream was reset.
function ended (stream) {
  return new Promise(resolve => stream.addEventListener('close', event => resolve(event.error != null)))
}

async function serve (stream, onDone) {
  try {
    let isDone = false
    for await (const part of stream) {
      const text = part.byteLength < 20 ? Buffer.from(part.subarray()).toString() : ''
      if (text === 'reset me') return stream.abort(new Error('as it was told'))
      isDone ||= text === 'done'
      await send(stream, part)
    }
    await stream.close()
    if (isDone) onDone()
  } catch (error) {
    if (stream.status !== 'reset') throw error // link_peer resets one of its streams
  }
}

async function ask (muxer, question) {
  const stream = await muxer.createStream()
  const answer = receive(stream)
  if (question.length > 0) await send(stream, Buffer.from(question))
  await stream.close()
  assert.equal((await answer).toString(), question)
}

async function largeEcho (muxer) {
  const stream = await muxer.createStream()
  const sent = createHash('sha256')
  const got = createHash('sha256')
  let size = 0
  const receiving = (async () => {
    for await (const part of stream) {
      got.update(part.subarray())
      size += part.byteLength
    }
  })()
  const block = Buffer.alloc(1024 * 1024)
  for (let at = 0; at < LARGE_BYTES; at += block.length) {
    for (let i = 0; i < block.length; i += 4) block.writeUInt32LE(Math.imul(at + i, 2654435761) >>> 0, i)
    sent.update(block)
    await send(stream, Buffer.from(block))
  }
  await stream.close()
  await receiving
  assert.equal(size, LARGE_BYTES)
  assert.equal(got.digest('hex'), sent.digest('hex'))
}

async function talk (muxer) {
  assert(await muxer.ping() >= 0)
  await ask(muxer, 'half closed')
  await ask(muxer, '')

  const victim = await muxer.createStream()
  const wasReset = ended(victim)
  await send(victim, Buffer.from('reset me'))
  assert.equal(await wasReset, true)
  assert.equal(victim.status, 'reset')

  const aborted = await muxer.createStream()
  await send(aborted, Buffer.alloc(100000, 'r'))
  aborted.abort(new Error('on purpose')) // the echo is under way
  await ask(muxer, 'after the reset')

  await Promise.all(Array.from({ length: MANY_STREAMS }, (_, i) => ask(muxer, `stream ${i}` + 'm'.repeat(i * 17))))
  await largeEcho(muxer)
  await ask(muxer, 'done')
}

// `role` is link_peer's; the client ends the session.
async function session (program, role) {
  const child = spawn(program, [role], { stdio: ['pipe', 'pipe', 'inherit'] })
  const exit = once(child, 'exit')
  const direction = role === 'client' ? 'inbound' : 'outbound'
  const muxer = yamux({ maxEarlyStreams: 1000 })().createStreamMuxer(new ChildConnection(child, direction))
  const otherIsDone = new Promise((resolve, reject) => {
    muxer.addEventListener('stream', event => serve(event.detail, resolve).catch(reject))
    exit.then(([code]) => reject(new Error(`link_peer ended early with ${code}`)), reject)
  })
  await Promise.all([talk(muxer), otherIsDone])
  if (role === 'server') await muxer.close()
  const [code, signal] = await exit
  assert.deepEqual([code, signal], [0, null], 'the exit of link_peer')
  console.log(`link_peer as the ${role}: well`)
}

await session(process.argv[2], 'client')
await session(process.argv[2], 'server')
