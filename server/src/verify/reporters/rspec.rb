# Shown to RSpec inside the sandbox: it names every example on a line of its own, as TAP. RSpec's own formats do not
# tell an example from what it prints, or come as one line at the end.
require "rspec/core"

class BatonTap
  RSpec::Core::Formatters.register self, :start, :example_passed, :example_pending, :example_failed, :message, :stop

  def initialize(output)
    @output = output
    @count = 0
  end

  def start(_)
    @output.puts "TAP version 13"
  end

  def example_passed(notification)
    point("ok", notification.example)
  end

  def example_pending(notification)
    point("ok", notification.example, " # SKIP")
  end

  def example_failed(notification)
    point("not ok", notification.example)
    @output.puts "  ---", "  error: |-"
    notification.message_lines.each { |line| @output.puts "    #{line}" unless line.strip.empty? }
    @output.puts "  ..."
  end

  # What could not be loaded.
  def message(notification)
    @output.puts notification.message
  end

  def stop(_)
    @output.puts "1..#{@count}"
  end

  private

  def point(word, example, directive = "")
    @count += 1
    groups = example.example_group.parent_groups.reverse.map(&:description)
    names = [example.metadata[:file_path].delete_prefix("./"), *groups, example.description]
    name = names.map { |words| words.gsub(/\s+/, " ").strip }.join(" > ")
    @output.puts "#{word} #{@count} - #{name}#{directive}"
  end
end
