// The bits of the reproducibility contract, as hashes of the operator battery.

/// FNV-1a of each result: with fused multiply-add (AVX2, AVX-512, NEON) and with two roundings.
///
/// A change here changes the results that users get, and is a breaking change: it needs a line in the
/// changelog. The message of a failure shows the new value.
let goldenHashes: [String: (fused: UInt64, separate: UInt64)] = [
  "matmul linear": (0x93F3_682C_9522_3B74, 0x298A_41E3_D9D0_325B),
  "matmul exp": (0x9DDF_29C8_DC66_93EE, 0xEC42_D8FD_3AE7_38A6),
  "matmul tanh": (0x10B3_97C2_724C_FD0D, 0x0909_0B56_EC6E_9892),
  "matmul erf": (0x263E_3EB8_8B65_49E4, 0x963A_965B_35E0_4FE1),
  "matmul gelu": (0xF5AF_7591_CAFC_7958, 0xC30C_B8A5_0B42_E6CD),
  "matmul geluTanh": (0x6E30_6ACD_50E7_9FC9, 0xE5EE_DF57_CD6C_D69F),
  "matmul relu": (0x6C14_0F0F_9387_49E7, 0xFFBF_669F_7A95_24C6),
  "matmul sigmoid": (0xE793_5566_43F0_26BD, 0xAA16_29BA_6739_8FA8),
  "matmul silu": (0x530F_F5B2_A4EA_C52E, 0xC9FF_ED91_A3B0_C972),
  "matmul 1 rows": (0xD294_D175_2605_2CCF, 0x8D05_1A1E_3EB3_1991),
  "matmul 31 rows": (0xB3F6_F2F3_A3AA_FCEB, 0xB623_12EC_0621_1234),
  "matmul 65 rows": (0x6508_3415_2049_AD13, 0xCA90_4AA4_9576_CA0C),
  "layerNorm": (0x2DC7_9F25_04D8_2899, 0x50C4_8ED5_8556_6C15),
  "softmax": (0x7A15_8574_C5D2_E382, 0x3B7A_8B63_4516_33C4),
  "exp": (0x72BB_345B_4964_70F0, 0x828D_4643_326D_40A4),
  "tanh": (0x388D_E0E4_B7A9_994F, 0x48C7_4A1F_000D_00CD),
  "erf": (0xCCCF_DEDF_A6C4_0695, 0xB97E_61F6_AA44_A1B1),
  "gelu": (0x1622_5C35_3B59_302F, 0xAB2F_EE8C_4DEB_D9D2),
  "geluTanh": (0x9733_CD18_78A2_8933, 0xDAC7_7428_7547_02F9),
  "relu": (0xF17C_300E_E4CE_2B80, 0xF17C_300E_E4CE_2B80),
  "sigmoid": (0xF42C_5DDD_BA35_9406, 0xDD31_9200_0A08_B04E),
  "silu": (0xCFD9_540D_2486_2995, 0x2B12_0ABC_8C73_965D),
  "maskedMean": (0x17D5_0EB4_7327_CC10, 0x17D5_0EB4_7327_CC10),
  "segmentMax": (0x870D_FBCF_4231_D3E5, 0x870D_FBCF_4231_D3E5),
  "slidingMax 3": (0x3041_87DE_5841_465F, 0x3041_87DE_5841_465F),
  "slidingMax 8": (0xF3EA_038B_C277_1520, 0xF3EA_038B_C277_1520),
  "neighbourMax": (0xC017_ED46_DF9E_8002, 0xC017_ED46_DF9E_8002),
  "gather": (0xB8D8_5B2F_6C93_4F2F, 0xB8D8_5B2F_6C93_4F2F),
  "fuse": (0xFAD4_EC9E_9D81_0635, 0xB273_EDEC_0C59_AEE1),
  "globalAggregation": (0x38CC_00FD_D2C5_41FD, 0x5EA1_FB71_9E52_CA18),
  "globalAggregation probabilities": (0xC366_BAE4_D6BF_6C15, 0x6952_0D38_F63C_6EFA),
]
