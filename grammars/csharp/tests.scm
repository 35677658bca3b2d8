; xUnit, NUnit and MSTest.
((method_declaration (attribute_list (attribute name: (_) @_attribute))) @test
  (#match? @_attribute "(^|\\.)(Fact|Theory|Test|TestCase|TestCaseSource|TestMethod|DataTestMethod|Property|(One[Tt]ime)?(SetUp|TearDown)|TestInitialize|TestCleanup|ClassInitialize|ClassCleanup)$"))
((class_declaration (attribute_list (attribute name: (_) @_attribute))) @test
  (#match? @_attribute "(^|\\.)(TestFixture|TestFixtureSource|TestClass|SetUpFixture|Collection|CollectionDefinition)$"))
