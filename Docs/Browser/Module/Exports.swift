// What the page calls: a C interface of addresses, counts and a status, over one classifier.
//
// The host writes bytes into a buffer from `allocate` and hands its address to a call, which takes it over.
// A call answers 0, and JSON, or 1, and a sentence that says what was wrong; `answerAddress` and
// `answerByteCount` say where that lies until the next call.

import TarnCheckpoints

// A WebAssembly module runs one call at a time.
nonisolated(unsafe) private var session = Session()

/// A buffer of so many bytes, 0 if the heap has no room for it or the count is negative.
@_expose(wasm, "allocate")
@_cdecl("tarn_browser_allocate")
public func allocate(_ byteCount: Int) -> Int {
  unsafe session.buffers.allocate(byteCount)
}

/// Puts the contents of a checkpoint's file where `load` finds it.
@_expose(wasm, "put")
@_cdecl("tarn_browser_put")
public func put(_ name: Int, _ nameBytes: Int, _ contents: Int, _ contentsBytes: Int) -> Int32 {
  unsafe session.answer { (session) throws(BrowserError) in
    let name = try session.buffers.takeText(name, nameBytes)
    let contents = try session.buffers.take(contents, contentsBytes)
    session.files.put(contents, at: name)
    return .object(["file": .string(name)])
  }
}

/// Reads the classifier whose files were put, and gives the files' memory back.
@_expose(wasm, "load")
@_cdecl("tarn_browser_load")
public func load() -> Int32 {
  unsafe session.answer { (session) throws(BrowserError) in
    defer { session.files.removeAll() }
    try session.load()
    return .object([:])
  }
}

/// Cuts a text into pieces and segments: `{"tokens": [...], "segments": [...]}`.
@_expose(wasm, "tokenize")
@_cdecl("tarn_browser_tokenize")
public func tokenize(_ text: Int, _ byteCount: Int) -> Int32 {
  unsafe session.answer { (session) throws(BrowserError) in
    try session.tokenize(session.buffers.takeText(text, byteCount))
  }
}

/// Labels the text of the last `tokenize`: `{"label": ..., "labels": [...], "scores": [...], "logits": [...]}`.
@_expose(wasm, "classify")
@_cdecl("tarn_browser_classify")
public func classify() -> Int32 {
  unsafe session.answer { (session) throws(BrowserError) in try session.classify() }
}

/// Where the last call's answer lies.
@_expose(wasm, "answerAddress")
@_cdecl("tarn_browser_answer_address")
public func answerAddress() -> Int { unsafe session.answer.address }

/// How many bytes of UTF-8 it has.
@_expose(wasm, "answerByteCount")
@_cdecl("tarn_browser_answer_byte_count")
public func answerByteCount() -> Int { unsafe session.answer.byteCount }
