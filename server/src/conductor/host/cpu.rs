//! Whether this processor can run llama.cpp as it was compiled: a sentence in place of SIGILL.

/// The instructions that llama.cpp's kernels are compiled with, each with whether this processor has it.
/// Empty where nothing beyond the platform's baseline is used.
fn needed() -> Vec<(&'static str, bool)> {
    #[cfg(target_arch = "x86_64")]
    return vec![
        ("AVX2", std::arch::is_x86_feature_detected!("avx2")),
        ("FMA", std::arch::is_x86_feature_detected!("fma")),
        ("F16C", std::arch::is_x86_feature_detected!("f16c")),
        ("BMI2", std::arch::is_x86_feature_detected!("bmi2")),
    ];
    #[cfg(not(target_arch = "x86_64"))]
    Vec::new()
}

/// Why the local conductor cannot run on this machine; `None` when it can.
pub fn problem() -> Option<String> {
    describe(&needed())
}

fn describe(needed: &[(&str, bool)]) -> Option<String> {
    let missing: Vec<&str> = needed.iter().filter(|(_, has)| !has).map(|(name, _)| *name).collect();
    (!missing.is_empty()).then(|| {
        format!(
            "this processor lacks {}, which the local conductor needs; \
             workers are chosen by their declared strength and price instead",
            missing.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::describe;

    #[test]
    fn what_is_missing_is_named() {
        let old = [("AVX2", false), ("FMA", false), ("F16C", true), ("BMI2", false)];
        insta::assert_snapshot!(describe(&old).unwrap(), @"this processor lacks AVX2, FMA, BMI2, which the local conductor needs; workers are chosen by their declared strength and price instead");
        assert_eq!(describe(&[("AVX2", true), ("FMA", true)]), None);
        assert_eq!(describe(&[]), None);
    }
}
