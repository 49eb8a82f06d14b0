package import TarnCheckpoints

/// Divides the tensors of a file among shards, `0.safetensors` and so on, with an index beside them.
package func writeShards(
  of source: TensorFile, count: Int, to directory: TemporaryDirectory
) throws {
  var map = JSONObject()
  for number in 0..<count {
    var writer = SafetensorsWriter()
    for (place, tensor) in source.tensors.enumerated() where place % count == number {
      try writer.append(
        tensor.name, elementType: tensor.elementType, shape: tensor.shape,
        bytes: source.bytes(of: tensor, as: tensor.elementType))
      map[tensor.name.text] = .string("\(number).safetensors")
    }
    try writer.write(to: directory.path + "/\(number).safetensors")
  }
  let index = JSONValue.object(["weight_map": .object(map)]).encoded()
  _ = try directory.write("model.safetensors.index.json", Array(index.utf8))
}
