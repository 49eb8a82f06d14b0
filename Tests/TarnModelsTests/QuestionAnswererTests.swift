// Spans that answer a question.

import Tarn
import TarnCheckpoints
import TarnTestSystem
import TarnText
import Testing

@testable import TarnModels

private let texts = [
  "w9 w30 w12  w44", "w50", "W7, w8 — w9 é w20 w21 w22 w23 w24 w25 w26",
  (0..<30).map { "w\(7 + $0 * 17 % 60)" }.joined(separator: " "),
]

private func expectBestSpans<Model: EncoderModel>(
  _ type: Model.Type, _ fixture: String
) throws where Model.Input == TokenInput {
  let folder = try vocabularyModel(fixture)
  let answerer = try QuestionAnswerer<Model>(directory: folder.path)
  let question = "w11 w12 w13"
  for longest in [1, 3, 30] {
    let answers = try answerer.answer(question, in: texts, longest: longest)
    for (text, answer) in zip(texts, answers) {
      let encoding = try answerer.encode(question, text).encoding
      let logits = try answerer.model.answerLogits([
        TokenInput(ids: encoding.ids.map(Int.init), tokenTypes: encoding.typeIDs.map(Int.init))
      ])[0]
      // question, its separator and the opening token come before, a separator after.
      let tokens = 5..<encoding.count - 1
      var best = (-Float.infinity, 0...0)
      for i in tokens {
        for j in i..<min(tokens.upperBound, i + longest)
        where logits[i, 0] + logits[j, 1] > best.0 { best = (logits[i, 0] + logits[j, 1], i...j) }
      }
      #expect(answer.tokens == best.1)
      let bytes = Array(text.utf8)[answer.utf8Offsets]
      #expect(answer.text == String(decoding: bytes, as: UTF8.self))
      #expect(answer.utf8Offsets.lowerBound == encoding.utf8Offsets[best.1.lowerBound].lowerBound)
      #expect(answer.score > 0 && answer.score <= 1)
      let alone = try answerer.answer(question, in: [text], longest: longest)[0]
      #expect(alone.score == answer.score && alone.tokens == answer.tokens)
    }
  }
  // One token is the answer of one.
  #expect(try answerer.answer(question, in: ["w50"])[0].text == "w50")
  #expect(try answerer.answer(question, in: ["w50"])[0].score == 1)
}

@Test func answersAreTheBestSpans() throws {
  try expectBestSpans(FunnelModel.self, "funnel/head-question-answering")
  try expectBestSpans(BERTModel.self, "bert/head-question-answering")
}

@Test func textsWithNothingToAnswerFromAreRejected() throws {
  let folder = try vocabularyModel("funnel/head-question-answering")
  let answerer = try QuestionAnswerer<FunnelModel>(
    directory: folder.path, options: ModelOptions(maxPositions: 8))
  for text in ["", "  \n"] {
    let error = #expect(throws: ModelError.self) { try answerer.answer("w9 w10", in: [text]) }
    #expect(error?.description == "text: found no tokens, expected at least one")
  }
  let long = #expect(throws: ModelError.self) { try answerer.answer("w9", in: [texts[3]]) }
  #expect(long?.description.contains("34 tokens, expected at most 8 positions") == true)
  // The text is cut, the question never is.
  let cut = try answerer.encode("w9 w10", texts[3], longText: .isTruncated)
  #expect(cut.encoding.count == 8)
  #expect(cut.encoding.typeIDs == [2, 0, 0, 0, 1, 1, 1, 1])
  for question in ["w9 w10 w11 w12 w13", "w9 w10 w11 w12 w13 w14 w15"] {
    #expect(throws: ModelError.self) {
      try answerer.answer(question, in: [texts[3]], longText: .isTruncated)
    }
  }
  let none = try vocabularyModel("funnel/head-masked-lm")
  let error = #expect(throws: ModelError.self) {
    try QuestionAnswerer<FunnelModel>(directory: none.path)
  }
  #expect(error?.description.contains("no tensor \"qa_outputs.weight\"") == true)
}

@Test func funnelFillsItsOwnMask() throws {
  let folder = try vocabularyModel("funnel/head-masked-lm")
  let model = try FunnelMaskedLanguageModel(directory: folder.path)
  let masks = try model.fillMask("w9 <mask> w12 <mask>", top: 67)
  #expect(masks.map(\.position) == [2, 4])
  #expect(masks.allSatisfy { abs($0.candidates.map(\.score).reduce(0, +) - 1) < 1e-5 })
  let error = #expect(throws: ModelError.self) { try model.fillMask("w9 [MASK]") }
  #expect(error?.description == "text: found no <mask>, expected at least one")
}
